// broker/core/outgoing.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "broker/core/backlog.h"
#include "broker/core/delivery.h"
#include "broker/core/drops.h"
#include "broker/core/in_flight.h"
#include "broker/core/message.h"
#include "broker/core/queued.h"
#include "broker/core/window.h"
#include "broker/wire/protocol.h"

namespace broker {

/// The deliveries of a session that are not finished: the window of messages in flight, the backlog
/// behind it, and, beside them, QoS 0 that waits for the socket of a connected client.
///
/// Shape      Deliveries are numbered in order, through the window and on through the backlog:
///                window 7 _ 9   backlog 10 11 14
///            where one was acknowledged, or left the backlog without a packet identifier, there is
///            a hole. A number names a delivery in the journal too. Messages that wait for the
///            socket have numbers of their own, unknown to the journal.
/// Threads    None.
class Outgoing final {
 public:
  /// `sum` counts these, too: deliveries, and payloads of those that quota_used() counts and
  /// whole messages of those that wait.
  explicit Outgoing(Queued& sum) noexcept : sum_(&sum), window_(sum), backlog_(sum) {}
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  [[nodiscard]] bool empty() const noexcept { return window_.empty() && backlog_.empty(); }

  // The window.

  [[nodiscard]] const Window& window() const noexcept { return window_; }
  /// For acknowledgements, and entries that are sent again.
  [[nodiscard]] Window& window() noexcept { return window_; }
  /// Whether the next delivery, the oldest of the backlog if there is one, can get a place in the
  /// window; takes old entries out of it if that makes room.
  [[nodiscard]] bool window_has_room() {
    return window_.has_room_for(backlog_.empty() ? next_ : backlog_.front_number());
  }
  /// Whether the identifier of the oldest of the backlog is free. If not, renumber_backlog() gives
  /// it another.
  [[nodiscard]] bool front_has_identifier() noexcept {
    return window_.identifier_is_free(backlog_.front_number());
  }
  /// Puts a delivery into the window as sent, and gives it an identifier. The backlog is empty.
  mqtt::PacketId put_in_flight(Delivery&& delivery);

  // The backlog.

  [[nodiscard]] const Backlog& backlog() const noexcept { return backlog_; }
  /// For messages that leave the backlog without being sent, or without a packet identifier.
  [[nodiscard]] Backlog& backlog() noexcept { return backlog_; }
  [[nodiscard]] std::size_t backlog_size() const noexcept { return backlog_.size(); }
  [[nodiscard]] std::size_t backlog_bytes() const noexcept { return backlog_.size_bytes(); }
  void push_backlog(Delivery delivery) { backlog_.push(std::move(delivery), take_number()); }
  /// Moves the oldest of the backlog into the window, as sent. Requires window_has_room() and
  /// front_has_identifier().
  mqtt::PacketId send_front();

  // QoS 0 that waits for the socket.

  /// Null if nothing has waited yet.
  [[nodiscard]] const Backlog* unsent_if_any() const noexcept { return unsent_.get(); }
  [[nodiscard]] std::size_t unsent_size() const noexcept { return unsent_ ? unsent_->size() : 0; }
  [[nodiscard]] std::size_t unsent_bytes() const noexcept {
    return unsent_ ? unsent_->size_bytes() : 0;
  }
  /// Made when first asked for.
  [[nodiscard]] Backlog& unsent() {
    if (!unsent_) unsent_ = std::make_unique<Backlog>(*sum_);
    return *unsent_;
  }
  void push_unsent(Delivery delivery) { unsent().push(std::move(delivery), unsent_next_++); }
  /// Takes all of it away.
  [[nodiscard]] std::unique_ptr<Backlog> take_unsent() noexcept { return std::move(unsent_); }

  // The messages that were dropped, by reason; made on first use.

  /// Null if none was dropped.
  [[nodiscard]] const DropCounts* drops_if_any() const noexcept { return drops_.get(); }
  [[nodiscard]] DropCounts& drops() {
    if (!drops_) drops_ = std::make_unique<DropCounts>();
    return *drops_;
  }

  /// BlockedLog has it on its list.
  bool window_watched = false;

  // The part that the journal knows.

  /// Whether the journal was given the delivery of this number.
  [[nodiscard]] bool stored(std::uint64_t number) const noexcept { return number < unstored_; }
  /// Calls `visit(number, const Delivery&, bool released)` for each delivery that the journal was
  /// not given, oldest first, and counts them as given. `released`: PUBREC has come.
  template <typename Visit>
  void store(Visit&& visit);
  /// Calls `visit(number, const Delivery&)` for each delivery that the journal was given, oldest
  /// first.
  template <typename Visit>
  void for_each_stored(Visit&& visit);
  /// The same in parts, with changes between them: for those from `begin` on, until `visit` returns
  /// false.
  ///
  /// Returns   Where to go on; nothing if there are no more. A delivery that gets another number in
  ///           between gets a higher one, and is not missed.
  /// Cost      That of the part, and of the stragglers before it.
  template <typename Visit>
  std::optional<std::uint64_t> walk_stored(std::uint64_t begin, Visit&& visit);
  /// Forgets that the journal was given anything.
  void unstore() noexcept { unstored_ = 0; }
  /// Gives all deliveries in the backlog new numbers with free identifiers, and calls
  /// `visit(old number, new number, const Delivery&)` for each. Requires that the journal was given
  /// all of them, and gets each call of `visit`.
  ///
  /// Cost      O(backlog). Due when a number was given while 65,535 others waited in front of it,
  ///           and the one that had its identifier then is still in flight.
  template <typename Visit>
  void renumber_backlog(Visit&& visit);
  /// Whether a delivery of that number can be put back: above the others.
  [[nodiscard]] bool may_restore(std::uint64_t number, bool released) const noexcept;
  /// Puts a delivery back that the journal has. Requires may_restore().
  void restore(std::uint64_t number, Delivery delivery, bool released);
  /// After the last of them: says which may have been sent before, all below `sent_end` and at
  /// least the first `count`, holes not counted.
  void restored(std::uint64_t sent_end, std::size_t count);

  // A session that moves to another shard. That has no row of it yet: see SessionTransfer.

  [[nodiscard]] std::uint64_t next_number() const noexcept { return next_; }
  /// Puts a delivery in flight back, in the state that it had.
  ///
  /// Requires  A number above those before; its identifier is free; nothing in the backlog yet.
  void put_back(std::uint64_t number, InFlight entry);
  /// Puts a delivery back into the backlog. Requires a number above those before.
  void put_back_waiting(std::uint64_t number, Delivery delivery);
  /// After the last of them: `next_number` was next, and entries that were still to be sent again
  /// are sent again.
  void put_back_done(std::uint64_t next_number) noexcept;

  /// How many there are, holes and QoS 0 that waits for the socket counted too.
  [[nodiscard]] std::size_t deliveries() const noexcept {
    return window_.span() + backlog_.size() + unsent_size();
  }
  /// Calls `visit(const Delivery&)` for each delivery, wherever it waits.
  template <typename Visit>
  void for_each(Visit&& visit);

  /// Takes out, oldest first, every delivery that came by a shared subscription and that nobody
  /// else may be given after the session ends: all but QoS 2 that was sent [MQTT-4.8.2-5].
  template <typename Take>
  void return_shared(Take&& take);

 private:
  /// The next number with a free identifier.
  [[nodiscard]] std::uint64_t take_number() {
    next_ = window_.next_free(next_);
    return next_++;
  }
  /// Takes a restored delivery from the backlog into the window, to be sent again.
  void take_back();

  Queued* sum_;
  Window window_;
  Backlog backlog_;
  std::unique_ptr<Backlog> unsent_;  // null: nothing waited yet
  std::unique_ptr<DropCounts> drops_;
  std::uint64_t next_ = 0;         // number of the next delivery that comes
  std::uint64_t unstored_ = 0;     // deliveries from this number on are not in the journal
  std::uint64_t unsent_next_ = 0;  // number of the next in unsent_
};

template <typename Visit>
void Outgoing::store(Visit&& visit) {
  assert(unstored_ <= next_);
  window_.for_each_while(unstored_, [&visit](std::uint64_t number, const InFlight& entry) {
    visit(number, entry.delivery, entry.released());
    return true;
  });
  backlog_.for_each_from(unstored_, [&](std::uint64_t number, const Delivery& delivery) {
    visit(number, delivery, false);
  });
  unstored_ = next_;
}

template <typename Visit>
void Outgoing::for_each_stored(Visit&& visit) {
  [[maybe_unused]] const auto rest =
      walk_stored(0, [&visit](std::uint64_t number, const Delivery& delivery) {
        visit(number, delivery);
        return true;
      });
  assert(!rest);
}

// Numbers increase from the stragglers through the window to the backlog.
template <typename Visit>
std::optional<std::uint64_t> Outgoing::walk_stored(std::uint64_t begin, Visit&& visit) {
  std::optional<std::uint64_t> rest;
  bool goes_on = true;
  const auto look_at = [&](std::uint64_t number, const Delivery& delivery) {
    if (number >= unstored_) return false;
    if (!goes_on) {
      rest = number;
      return false;
    }
    goes_on = visit(number, delivery);
    return true;
  };
  const bool all =
      window_.for_each_while(begin, [&look_at](std::uint64_t number, const InFlight& entry) {
        return look_at(number, entry.delivery);
      });
  if (all) backlog_.for_each_while(begin, look_at);
  return rest;
}

template <typename Visit>
void Outgoing::renumber_backlog(Visit&& visit) {
  Backlog before(*sum_);
  before.swap(backlog_);
  while (!before.empty()) {
    const std::uint64_t old_number = before.front_number();
    Delivery delivery = before.pop_front();
    const std::uint64_t number = take_number();
    visit(old_number, number, std::as_const(delivery));
    backlog_.push(std::move(delivery), number);
  }
  unstored_ = next_;
}

template <typename Visit>
void Outgoing::for_each(Visit&& visit) {
  window_.for_each([&](std::uint64_t /*number*/, const InFlight& entry) { visit(entry.delivery); });
  const auto each = [&](std::uint64_t /*number*/, const Delivery& delivery) { visit(delivery); };
  backlog_.for_each_from(0, each);
  if (unsent_) unsent_->for_each_from(0, each);
}

template <typename Take>
void Outgoing::return_shared(Take&& take) {
  window_.for_each([&take](std::uint64_t /*number*/, InFlight& entry) {
    if (entry.delivery.membership == 0 || !entry.delivery.message) return;
    const bool untouched = entry.state == InFlight::State::unsent && !entry.sent_before;
    if (entry.delivery.qos == mqtt::Qos::at_least_once || untouched) take(entry.delivery);
  });
  backlog_.for_each_from(0, [&](std::uint64_t /*number*/, const Delivery& delivery) {
    if (delivery.membership != 0) take(delivery);
  });
}

}  // namespace broker
