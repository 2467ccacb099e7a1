#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/darter-bench/options.h"

namespace bench {

/// The topics of each publisher, and the receivers of each message.
///
/// Shape      Publishers and subscribers are dealt out to groups in turn; a message goes to all
///            subscribers of its publisher's group. Pairs are groups of one and one; fan-in and
///            fan-out have one group.
struct Traffic {
  enum class Filter : std::uint8_t { exact, group, everything };

  std::uint32_t publishers = 1;
  std::uint32_t subscribers = 1;
  std::uint32_t groups = 1;
  Filter filter = Filter::exact;

  [[nodiscard]] std::uint32_t receivers() const noexcept { return subscribers / groups; }
  [[nodiscard]] bool reaches(std::uint32_t publisher, std::uint32_t subscriber) const noexcept {
    return publisher < publishers && publisher % groups == subscriber % groups;
  }
  /// A number for each publisher that reaches a subscriber, below links().
  [[nodiscard]] std::size_t link(std::uint32_t publisher, std::uint32_t subscriber) const noexcept {
    return std::size_t{subscriber} * publishers_in_group() + publisher / groups;
  }
  [[nodiscard]] std::size_t links() const noexcept {
    return std::size_t{subscribers} * publishers_in_group();
  }

  [[nodiscard]] std::string topic_of(std::uint32_t publisher) const;
  [[nodiscard]] std::string filter_of(std::uint32_t subscriber) const;
  /// A filter that shares levels with the topics and matches none of them.
  [[nodiscard]] std::string other_filter(std::uint32_t number) const;

 private:
  [[nodiscard]] std::uint32_t publishers_in_group() const noexcept {
    return (publishers + groups - 1) / groups;
  }
};

/// The traffic of pairs, fanin, fanout, many and latency.
///
/// Requires  The scenario is one of them.
[[nodiscard]] Traffic traffic_of(const Options& options);

}  // namespace bench
