#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/wire/publish.h"

namespace shell {

/// The table of --watch: each topic with its messages, its rate and its newest message.
///
/// Bounds     topics_max topics; messages of further ones are counted together. Of a payload the
///            front is kept.
/// Threads    None. No clock.
class WatchTable {
 public:
  static constexpr std::size_t topics_max = 10'000;

  /// `broker`: for the first line.
  explicit WatchTable(std::string broker) : broker_(std::move(broker)) {}

  void add(const mqtt::Publish& message, broker::Instant now);
  /// The table as it is now, with rates since the last call.
  ///
  /// Returns   At most `rows` lines of at most `columns` characters; the busiest topics if not all
  ///           fit, in the order of their names.
  [[nodiscard]] std::string render(broker::Instant now, std::size_t rows, std::size_t columns);

 private:
  struct Topic {
    std::uint64_t messages = 0;
    std::uint64_t messages_before = 0;  // at the last render()
    broker::Instant last;
    bool retained = false;
    std::size_t payload_bytes = 0;
    std::string payload;  // its front, without control characters
  };
  using Topics = std::map<std::string, Topic, std::less<>>;

  std::string broker_;
  Topics topics_;
  std::uint64_t messages_ = 0;
  std::uint64_t messages_before_ = 0;
  std::uint64_t elsewhere_ = 0;  // messages of topics that the table has no room for
  std::int64_t rendered_milliseconds_ = -1;
};

}  // namespace shell
