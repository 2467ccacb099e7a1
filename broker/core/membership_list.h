// broker/core/membership_list.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A session's place in a shared subscription. The group itself lives on its home shard.
struct Membership {
  std::string share_name;  // empty: the place is free
  std::string filter;      // mount point in front
  bool live = false;       // false: unsubscribed, but deliveries may still name it
  // The options of a live one, as its group has them.
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain_as_published = false;
  std::uint32_t subscription_identifier = 0;
};

/// The shared subscriptions of one session.
///
/// Shape      An array, and an index into it once it is long. Deliveries know memberships by their
///            place in the array.
/// Invariant  A number stays with its share name and filter until erase().
/// Cost       Everything takes constant time, however many there are.
/// Threads    None.
class MembershipList {
 public:
  using Number = std::uint32_t;
  static constexpr Number none = 0;

  /// The number of a membership, live or not, or none.
  [[nodiscard]] Number find(std::string_view share_name, std::string_view filter) const noexcept;
  /// The same; it is added, not live, if it is not there.
  Number add(std::string_view share_name, std::string_view filter);
  [[nodiscard]] const Membership& at(Number number) const noexcept {
    assert(number != none && number <= last());
    return items_[number - 1];
  }

  /// Makes a membership live. Returns false if it was.
  bool join(Number number) noexcept;
  /// Replaces the options of a membership.
  void set_options(Number number, mqtt::Qos qos, bool retain_as_published,
                   std::uint32_t subscription_identifier) noexcept;
  /// Ends a live membership; its number stays for the deliveries that name it.
  void leave(Number number) noexcept;
  /// Frees a number that is not live. No delivery may name it.
  void erase(Number number);

  [[nodiscard]] std::size_t live() const noexcept { return live_; }
  /// Memberships that are not live and still have their numbers.
  [[nodiscard]] std::size_t ended() const noexcept { return taken_ - live_; }
  /// Numbers are from 1 to here, for a walk in steps; those of free places are among them.
  [[nodiscard]] Number last() const noexcept { return static_cast<Number>(items_.size()); }

 private:
  static constexpr std::size_t unindexed_max = 8;

  [[nodiscard]] bool is(Number number, std::string_view share_name,
                        std::string_view filter) const noexcept {
    const Membership& one = items_[number - 1];
    return one.filter == filter && one.share_name == share_name;
  }
  void build_index();

  std::vector<Membership> items_;
  std::vector<Number> free_;
  HashIndex index_;  // of numbers; empty while there are few
  std::size_t taken_ = 0;
  std::size_t live_ = 0;
};

}  // namespace broker
