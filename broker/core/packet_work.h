// broker/core/packet_work.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/core/ids.h"
#include "broker/core/retained_walk.h"
#include "broker/core/topic_trie.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/reason.h"
#include "broker/wire/subscribe.h"

namespace broker {

/// A SUBSCRIBE or UNSUBSCRIBE that is being handled, over as many turns as that takes.
///
/// Shape      The filters are read three times, one by one: all are checked before any counts, each
///            is added or removed, and after the answer the retained messages of each are sent.
///            Before the answer other nodes of a cluster are told of filters that were added.
/// Lifetime   The filters stand in the bytes being received until keep() copies them.
/// Threads    None.
struct PacketWork {
  enum class Phase : std::uint8_t { check, change, announce, retained };
  /// The outcome for one filter.
  struct Outcome {
    TopicTrie::FilterIndex filter = 0;  // of the added one, unless it is shared
    mqtt::Reason answer = mqtt::Reason::success;
    bool fresh = true;      // it was not subscribed to before this packet
    bool repeated = false;  // the same filter comes again in this packet, and counts there
  };

  PacketWork(mqtt::PacketType packet_type, const mqtt::SubscribeHead& packet_head)
      : type(packet_type), head(packet_head) {}

  /// The filters that are still to be read in this phase.
  [[nodiscard]] mqtt::Bytes rest() const noexcept { return head.filters.subspan(at); }
  /// Says that `rest` begins with the next filter.
  void went_on(mqtt::Bytes rest) noexcept {
    assert(rest.size() <= head.filters.size());
    at = head.filters.size() - rest.size();
  }
  void begin(Phase next) noexcept {
    phase = next;
    at = 0;
    number = 0;
  }
  /// Copies the filters, unless that was done. Returns how many bytes that takes.
  std::size_t keep() {
    if (!copy.empty()) return 0;
    copy.append(head.filters);
    head.filters = copy.view();
    return copy.size();
  }
  /// Notes the outcome for the next filter; an equal one before it counts no more.
  void add(Outcome outcome);

  mqtt::PacketType type;
  Phase phase = Phase::check;
  mqtt::SubscribeHead head;
  mqtt::ByteBuffer copy;    // of the filters
  std::size_t at = 0;       // where the next filter begins
  std::size_t number = 0;   // of filters that were read in this phase
  std::size_t filters = 0;  // in the packet, once they are checked
  std::uint64_t mark = 0;   // of the filters that were added: see FilterWatch
  std::vector<Outcome> outcomes;
  HashIndex by_filter;                 // of outcomes: 1 + place; empty for a single filter
  std::unique_ptr<RetainedWalk> walk;  // of the next filter, unless it has not begun
  bool queue_always = false;           // of that walk: see Terms
};

}  // namespace broker
