#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "broker/cluster/envelope.h"

namespace cluster {

/// Tells copies of a sender's message from new ones: NATS brings a node one copy for each of its
/// subscriptions that match.
///
/// Shape      The highest number that has come, and a bit for each of the `numbers` up to it, at
///            number modulo `numbers`.
/// Invariant  A number is new once. One that is too old to tell counts as a copy. NATS keeps the
///            order of a sender, so none comes that late, unless the sender or this node went to
///            another server while thousands of its messages were on their way.
/// Threads    None.
class DuplicateWindow final {
 public:
  static constexpr std::uint64_t numbers = 1024;

  /// Returns   Whether the number is new. 0 is no number, and never new.
  /// Cost      Constant; `numbers` bits at most where many numbers went to other nodes.
  [[nodiscard]] bool take(std::uint64_t number) noexcept;

 private:
  static constexpr std::size_t word_bits = 64;

  void forget(std::uint64_t first, std::uint64_t count) noexcept;

  std::uint64_t highest_ = 0;
  std::array<std::uint64_t, numbers / word_bits> seen_{};
};

/// The windows of all senders from which messages came.
///
/// Invariant  `senders_max` at most: for a new one the one that was quiet for longest is forgotten.
///            A copy that comes after its sender was forgotten counts as new.
/// Threads    None: it belongs to the thread that gets messages from NATS.
class DuplicateWindows final {
 public:
  static constexpr std::size_t senders_max = 4096;

  [[nodiscard]] bool take(SenderId sender, std::uint64_t number);
  /// A run of a node is over.
  void forget(Incarnation run);
  [[nodiscard]] std::size_t size() const noexcept { return windows_.size(); }

 private:
  struct Sender {
    DuplicateWindow window;
    std::uint64_t last_used = 0;
  };
  void forget_quietest();

  std::unordered_map<SenderId, Sender> windows_;
  std::uint64_t uses_ = 0;
};

}  // namespace cluster
