#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// The one line of JSON that a run prints.
class Report {
 public:
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, double value);
  void count(std::string_view name, std::uint64_t value);
  void truth(std::string_view name, bool value);

  /// The line, with its line feed.
  [[nodiscard]] std::string line() const { return "{" + members_ + "}\n"; }

 private:
  void member(std::string_view name, std::string_view value);

  std::string members_;
};

}  // namespace bench
