#pragma once

#include <cstddef>
#include <cstdint>

namespace cluster {

/// One run of one node, by a random number that no other run has. A name of a node is for people:
/// after a restart the node of that name is another member. 0: none.
enum class MemberId : std::uint64_t {};
inline constexpr MemberId no_member{};

/// Place of a change in the bucket of sessions and members: one order for all its keys. 0: none.
using Revision = std::uint64_t;

/// Place of a message in the stream of lasting messages: the number that the stream gave to a
/// batch, times batch_messages_max, and the message's index in the batch. Before the first: 0.
using Sequence = std::uint64_t;

/// Messages in one batch. A node has one batch on its way, so its messages are stored in their
/// order; batches make that fast.
inline constexpr std::size_t batch_messages_max = 4096;

constexpr Sequence sequence_of(std::uint64_t batch, std::size_t index) noexcept {
  return batch * batch_messages_max + index;
}

/// Messages first .. last, both included.
struct SequenceRange {
  Sequence first = 0;
  Sequence last = 0;
  bool operator==(const SequenceRange&) const = default;
};

}  // namespace cluster
