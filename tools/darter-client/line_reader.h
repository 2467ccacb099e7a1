#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace shell {

/// Lines of standard input, as they come.
///
/// Bounds     A line is as long as it is; MQTT has no longer payload than 256 MiB, and the broker
///            may have shorter ones.
/// Threads    None.
class LineReader {
 public:
  explicit LineReader(int descriptor = 0) : descriptor_(descriptor) {}

  /// Reads once. False: it cannot be read. A descriptor that has nothing yet is waited for.
  [[nodiscard]] bool read();
  /// The next line that is complete, without its end; the last one may have none.
  [[nodiscard]] std::optional<std::string> next();
  /// Nothing more comes.
  [[nodiscard]] bool at_end() const noexcept { return ended_; }
  /// No byte is left.
  [[nodiscard]] bool is_empty() const noexcept { return taken_ == text_.size(); }

 private:
  int descriptor_;
  std::string text_;
  std::size_t taken_ = 0;     // of the text, by next()
  std::size_t searched_ = 0;  // up to there is no line end behind taken_
  bool ended_ = false;
};

}  // namespace shell
