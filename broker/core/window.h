// broker/core/window.h
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "broker/core/delivery.h"
#include "broker/core/in_flight.h"
#include "broker/core/message.h"
#include "broker/core/queued.h"
#include "broker/core/ring.h"
#include "broker/core/stragglers.h"
#include "broker/wire/protocol.h"

namespace broker {

/// The deliveries of a session that are in flight: those that have a packet identifier.
///
/// Shape      A ring by number; where a delivery is over, there is a hole:
///                7 _ 9 10
///            A packet identifier is the number modulo 65,535, plus 1, so finding an entry is a
///            subtraction. An entry that is not acknowledged while thousands after it are leaves
///            the ring for Stragglers; numbers with the identifier that it still has are not given.
/// Invariant  The oldest entry of the ring is no hole. quota_used() counts the entries that the
///            client's Receive Maximum counts: sent on this connection and not finished
///            [MQTT-3.3.4-9]; QoS 2 counts until PUBCOMP.
/// Threads    None.
class Window final {
 public:
  /// `sum` counts the entries too, and the payloads of those that quota_used() counts.
  explicit Window(Queued& sum) noexcept : sum_(&sum) {}
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// Most entries at a time: half of the packet identifiers. With more, a client that acknowledges
  /// the newest delivery first would have nearly all identifiers searched for each one that is
  /// sent; so a run of taken ones is passed once in as many deliveries as it is long.
  static constexpr std::size_t entries_max = packet_identifiers / 2;
  /// Most consecutive numbers the ring spans, holes counted.
  static constexpr std::size_t span_max = 65'534;

  [[nodiscard]] bool empty() const noexcept { return ring_.empty() && !stragglers_; }
  /// Deliveries that have an identifier, sent or not.
  [[nodiscard]] std::size_t size() const noexcept { return entries_; }
  /// Payloads of those that quota_used() counts.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::size_t quota_used() const noexcept { return quota_used_; }
  /// How many places a walk over all of them passes, holes counted.
  [[nodiscard]] std::size_t span() const noexcept {
    return ring_.size() + (stragglers_ ? stragglers_->size() : 0);
  }
  /// One more than the number of the last delivery that was sent.
  [[nodiscard]] std::uint64_t end() const noexcept { return first_ + ring_.size(); }

  // Numbers and identifiers.

  /// Whether the delivery with the number `next` can get a place; takes old entries out of the ring
  /// if that makes room.
  [[nodiscard]] bool has_room_for(std::uint64_t next) {
    if (!stragglers_ && (ring_.empty() || next - first_ < span_tolerated)) return true;
    return thin_out(next);
  }
  /// Whether the identifier of a number behind all others is free.
  ///
  /// Requires  has_room_for() it.
  [[nodiscard]] bool identifier_is_free(std::uint64_t number) noexcept {
    return !stragglers_ || stragglers_->find(packet_id_of(number)).entry == nullptr;
  }
  /// The first number from `number` on with a free identifier.
  [[nodiscard]] std::uint64_t next_free(std::uint64_t number) {
    // If the numbers in flight lie close together, every next one is free.
    if (!stragglers_ && number - first_ < span_max) return number;
    return next_free_of_many(number);
  }

  // Entries.

  /// Appends a delivery as sent.
  void send(Delivery&& delivery, std::uint64_t number);
  /// The entry of an identifier, or null if it is not in flight.
  [[nodiscard]] InFlight* find(mqtt::PacketId id) noexcept;
  /// The number of an entry. Requires that find(id) finds it.
  [[nodiscard]] std::uint64_t number_of(mqtt::PacketId id) noexcept;
  /// The oldest entry that was sent on this connection and is not acknowledged, and its identifier.
  struct Oldest {
    mqtt::PacketId id{0};
    const InFlight* entry = nullptr;  // null: there is none
  };
  [[nodiscard]] Oldest oldest() noexcept;
  /// PUBREC has come: only PUBCOMP is awaited from now on, and the message itself is released.
  void received(InFlight& entry);
  /// A delivery that is over.
  struct Done {
    std::uint64_t number;
    MessageRef message;  // null after PUBREC
  };
  /// The delivery is over: its identifier is free. Requires that find(id) finds it.
  Done finish(mqtt::PacketId id);

  // After a reconnect: everything is sent again, in order [MQTT-4.6.0-1].

  /// Marks every entry as unsent; `quota_used()` is zero afterwards.
  void rewind();
  /// The oldest entry that is still to be sent again, or null. It stays until sent_again().
  [[nodiscard]] InFlight* next_to_resend(mqtt::PacketId& id) noexcept;
  /// Says that the entry next_to_resend() named was sent.
  void sent_again(InFlight& entry);
  [[nodiscard]] bool resending() const noexcept {
    return resend_ < ring_.size() || (stragglers_ && stragglers_->resending());
  }

  // Entries that come from a store or another shard.

  /// Puts a delivery back, to be sent again. In a damaged store two may have one identifier: the
  /// older one is given up.
  ///
  /// Requires  A number above those before.
  void restore(std::uint64_t number, Delivery&& delivery, InFlight::State state);
  /// Puts an entry back in the state that it had.
  ///
  /// Requires  A number above those before; its identifier is free.
  void put_back(std::uint64_t number, InFlight entry);
  /// After the last of them: entries that were still to be sent again are sent again.
  void resume_resending() noexcept;

  /// Calls `visit(number, InFlight&)` for each entry, oldest first.
  template <typename Visit>
  void for_each(Visit&& visit);
  /// Calls `visit(number, const InFlight&)` for each entry from the number `begin` on, until it
  /// returns false.
  ///
  /// Returns   Whether it never did.
  template <typename Visit>
  bool for_each_while(std::uint64_t begin, Visit&& visit);

 private:
  /// A ring that spans no more is left as it is, however many holes it has.
  static constexpr std::size_t span_tolerated = 1024;

  [[nodiscard]] std::uint64_t next_free_of_many(std::uint64_t number);
  [[nodiscard]] std::size_t index_of(mqtt::PacketId id) const noexcept;
  /// Appends an entry of that number, and holes for those before it that are not there.
  InFlight& push(Delivery&& delivery, std::uint64_t number, InFlight::State state);
  /// Appends a hole.
  InFlight& append();
  void drop_leading_holes();
  /// Takes old entries out of the ring while it is mostly holes, or too long for `next`. Returns
  /// whether an identifier is left.
  bool thin_out(std::uint64_t next);
  Done finish_straggler(mqtt::PacketId id);
  /// Takes an entry that ends off the counts.
  void uncount(const InFlight& entry) noexcept;
  /// Counts payloads of deliveries that the Receive Maximum counts, here and in the sum.
  void charge(std::size_t payload_bytes) noexcept {
    size_bytes_ += payload_bytes;
    sum_->bytes += payload_bytes;
  }
  void discharge(std::size_t payload_bytes) noexcept {
    size_bytes_ -= payload_bytes;
    sum_->bytes -= payload_bytes;
  }

  Queued* sum_;
  Ring<InFlight> ring_;
  std::unique_ptr<Stragglers> stragglers_;  // null: there are none
  std::size_t entries_ = 0;                 // of the ring, no holes, and stragglers
  std::size_t size_bytes_ = 0;
  std::size_t quota_used_ = 0;
  std::size_t resend_ = SIZE_MAX;  // ring index of the next entry to send again
  std::uint64_t first_ = 0;        // number of ring_[0]
};

template <typename Visit>
void Window::for_each(Visit&& visit) {
  if (stragglers_) {
    stragglers_->for_each([&](std::uint64_t number, InFlight& entry) { visit(number, entry); });
  }
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    if (ring_[i].state != InFlight::State::free) visit(first_ + i, ring_[i]);
  }
}

template <typename Visit>
bool Window::for_each_while(std::uint64_t begin, Visit&& visit) {
  bool more = true;
  if (stragglers_) {
    stragglers_->for_each([&](std::uint64_t number, const InFlight& entry) {
      if (more && number >= begin) more = visit(number, entry);
    });
  }
  for (std::uint64_t number = std::max(begin, first_); more && number < end(); ++number) {
    const InFlight& entry = ring_[number - first_];
    if (entry.state != InFlight::State::free) more = visit(number, entry);
  }
  return more;
}

}  // namespace broker
