#include "broker/core/outgoing.h"

#include <cassert>

namespace broker {

// Identifiers are free, and never zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
mqtt::PacketId Outgoing::put_in_flight(Delivery&& delivery) {
  const std::uint64_t number = take_number();
  window_.send(std::move(delivery), number);
  return packet_id_of(number);
}

mqtt::PacketId Outgoing::send_front() {
  assert(front_has_identifier());
  const std::uint64_t number = backlog_.front_number();
  window_.send(backlog_.pop_front(), number);
  return packet_id_of(number);
}

bool Outgoing::may_restore(std::uint64_t number, bool released) const noexcept {
  if (number > UINT64_MAX / 2) return false;  // nobody ever counted so far
  if (released && window_.size() + backlog_.size() >= Window::span_max) return false;
  return empty() || number >= next_;
}

void Outgoing::restore(std::uint64_t number, Delivery delivery, bool released) {
  assert(may_restore(number, released));
  // A hole proves that older deliveries were sent: one behind them was acknowledged.
  if (released || number > next_) {
    while (!backlog_.empty() && window_has_room()) take_back();
  }
  next_ = unstored_ = number + 1;
  if (!released) return backlog_.push(std::move(delivery), number);
  window_.restore(number, std::move(delivery), InFlight::State::release_unsent);
}

void Outgoing::restored(std::uint64_t sent_end_number, std::size_t count) {
  while (!backlog_.empty() && front_has_identifier() && window_has_room()) {
    if (backlog_.front_number() >= sent_end_number && window_.size() >= count) return;
    take_back();
  }
}

void Outgoing::put_back(std::uint64_t number, InFlight entry) {
  assert(number >= next_ && backlog_.empty());
  window_.put_back(number, std::move(entry));
  next_ = number + 1;
}

void Outgoing::put_back_waiting(std::uint64_t number, Delivery delivery) {
  assert(number >= next_ && delivery.message);
  backlog_.push(std::move(delivery), number);
  next_ = number + 1;
}

void Outgoing::put_back_done(std::uint64_t next_number) noexcept {
  assert(next_number >= next_);
  next_ = next_number;
  window_.resume_resending();
}

void Outgoing::take_back() {
  const std::uint64_t number = backlog_.front_number();
  window_.restore(number, backlog_.pop_front(), InFlight::State::unsent);
}

}  // namespace broker
