#include "broker/core/outgoing.h"

namespace broker {
namespace {

// Identifiers run from 1 to 65535 and around; zero is none [MQTT-2.2.1-3].
constexpr std::uint32_t identifiers = 65'535;

bool counts(InFlight::State state) {
  return state == InFlight::State::awaiting_puback || state == InFlight::State::awaiting_pubrec ||
         state == InFlight::State::awaiting_pubcomp;
}

}  // namespace

mqtt::PacketId Outgoing::id_at(std::size_t index) const noexcept {
  return static_cast<mqtt::PacketId>((first_ + index) % identifiers + 1U);
}

std::size_t Outgoing::index_of(mqtt::PacketId id) const noexcept {
  return (static_cast<std::uint32_t>(id) - 1U + identifiers - first_ % identifiers) % identifiers;
}

void Outgoing::append(InFlight entry) {
  const bool was_resending = resending();
  window_.push_back(std::move(entry));
  if (!was_resending) resend_ = SIZE_MAX;
}

void Outgoing::push_window(InFlight entry, std::uint64_t number) {
  if (window_.empty()) first_ = number;
  while (sent_end() < number) append({});
  append(std::move(entry));
}

// Identifiers are free, and never zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
mqtt::PacketId Outgoing::put_in_flight(Delivery delivery) {
  push_sent(std::move(delivery), next_++);
  return id_at(window_.size() - 1);
}

mqtt::PacketId Outgoing::send_front() {
  const std::uint64_t number = backlog_.front_number();
  push_sent(backlog_.pop_front(), number);
  return id_at(window_.size() - 1);
}

void Outgoing::push_sent(Delivery delivery, std::uint64_t number) {
  in_flight_bytes_ += delivery.size_bytes();
  ++quota_used_;
  const auto state = delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                              : InFlight::State::awaiting_pubrec;
  push_window({std::move(delivery), state, true}, number);
}

InFlight* Outgoing::find(mqtt::PacketId id) noexcept {
  if (id == mqtt::PacketId{0}) return nullptr;
  const std::size_t index = index_of(id);
  if (index >= window_.size()) return nullptr;
  InFlight& entry = window_[index];
  return entry.state == InFlight::State::free ? nullptr : &entry;
}

void Outgoing::received(InFlight& entry) {
  in_flight_bytes_ -= entry.delivery.size_bytes();
  if (!counts(entry.state)) ++quota_used_;
  entry.delivery.message = MessageRef{};
  entry.state = InFlight::State::awaiting_pubcomp;
}

Outgoing::Done Outgoing::finish(mqtt::PacketId id) {
  const std::size_t index = index_of(id);
  InFlight& entry = window_[index];
  in_flight_bytes_ -= entry.delivery.size_bytes();
  if (counts(entry.state)) --quota_used_;
  Done done{first_ + index, std::move(entry.delivery.message)};
  entry = InFlight{};
  drop_leading_holes();
  return done;
}

void Outgoing::drop_leading_holes() {
  while (!window_.empty() && window_.front().state == InFlight::State::free) {
    window_.pop_front();
    ++first_;
    if (resend_ != SIZE_MAX && resend_ > 0) --resend_;
  }
}

void Outgoing::rewind() {
  for (std::size_t i = 0; i < window_.size(); ++i) {
    InFlight& entry = window_[i];
    if (entry.state == InFlight::State::awaiting_pubcomp) {
      entry.state = InFlight::State::release_unsent;
    } else if (counts(entry.state)) {
      entry.state = InFlight::State::unsent;
    }
  }
  quota_used_ = 0;
  resend_ = 0;
}

InFlight* Outgoing::next_to_resend(mqtt::PacketId& id) noexcept {
  for (; resend_ < window_.size(); ++resend_) {
    InFlight& entry = window_[resend_];
    if (entry.state == InFlight::State::unsent || entry.state == InFlight::State::release_unsent) {
      id = id_at(resend_);
      return &entry;
    }
  }
  resend_ = SIZE_MAX;
  return nullptr;
}

void Outgoing::sent_again(InFlight& entry) {
  if (entry.state == InFlight::State::release_unsent) {
    entry.state = InFlight::State::awaiting_pubcomp;
  } else {
    entry.state = entry.delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                                 : InFlight::State::awaiting_pubrec;
    entry.sent_before = true;
  }
  ++quota_used_;
  ++resend_;
}

bool Outgoing::may_restore(std::uint64_t number, bool released) const noexcept {
  if (number > UINT64_MAX / 2) return false;  // nobody ever counted so far
  if (empty()) return true;
  if (number < next_) return false;
  const std::uint64_t first = window_.empty() ? backlog_.front_number() : first_;
  return !released || number - first < span_max;
}

void Outgoing::restore(std::uint64_t number, Delivery delivery, bool released) {
  // A hole says that what is older was sent: something was acknowledged behind it.
  if (released || number > next_) {
    while (!backlog_.empty() && window_has_room()) take_back();
  }
  next_ = unstored_ = number + 1;
  if (!released) return backlog_.push(std::move(delivery), number);
  in_flight_bytes_ += delivery.size_bytes();
  push_window({std::move(delivery), InFlight::State::release_unsent, true}, number);
}

void Outgoing::restored(std::uint64_t sent_end_number, std::size_t count) {
  std::size_t entries = 0;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    if (window_[i].state != InFlight::State::free) ++entries;
  }
  for (; !backlog_.empty() && window_has_room(); ++entries) {
    if (backlog_.front_number() >= sent_end_number && entries >= count) return;
    take_back();
  }
}

void Outgoing::take_back() {
  const std::uint64_t number = backlog_.front_number();
  Delivery delivery = backlog_.pop_front();
  in_flight_bytes_ += delivery.size_bytes();
  push_window({std::move(delivery), InFlight::State::unsent, true}, number);
}

}  // namespace broker
