#include "broker/core/outgoing.h"

namespace broker {
namespace {

// Identifiers run from 1 to 65535 and around; zero is none [MQTT-2.2.1-3].
constexpr std::uint32_t identifiers = 65'535;

std::size_t charge(const Delivery& delivery) {
  return delivery.message ? delivery.message->size_bytes() : 0;
}

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

void Outgoing::push_window(InFlight entry) {
  const bool was_resending = resending();
  window_.push_back(std::move(entry));
  if (!was_resending) resend_ = SIZE_MAX;
}

// Identifiers are free, and never zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
mqtt::PacketId Outgoing::put_in_flight(Delivery delivery) {
  const std::size_t index = window_.size();
  in_flight_bytes_ += charge(delivery);
  ++quota_used_;
  const auto state = delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                              : InFlight::State::awaiting_pubrec;
  push_window({std::move(delivery), state, true});
  return id_at(index);
}

InFlight* Outgoing::find(mqtt::PacketId id) noexcept {
  if (id == mqtt::PacketId{0}) return nullptr;
  const std::size_t index = index_of(id);
  if (index >= window_.size()) return nullptr;
  InFlight& entry = window_[index];
  return entry.state == InFlight::State::free ? nullptr : &entry;
}

void Outgoing::received(InFlight& entry) {
  in_flight_bytes_ -= charge(entry.delivery);
  if (!counts(entry.state)) ++quota_used_;
  entry.delivery.message = MessageRef{};
  entry.state = InFlight::State::awaiting_pubcomp;
}

Outgoing::Done Outgoing::finish(mqtt::PacketId id) {
  const std::size_t index = index_of(id);
  InFlight& entry = window_[index];
  in_flight_bytes_ -= charge(entry.delivery);
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

void Outgoing::push_backlog(Delivery delivery) {
  backlog_bytes_ += charge(delivery);
  if (delivery.qos == mqtt::Qos::at_most_once) ++backlog_qos0_;
  backlog_.push_back(std::move(delivery));
}

mqtt::PacketId Outgoing::send_front() { return put_in_flight(pop_backlog()); }

Delivery Outgoing::drop_front() {
  Delivery delivery = pop_backlog();
  push_window({});
  drop_leading_holes();
  return delivery;
}

Delivery Outgoing::pop_backlog() {
  Delivery delivery = backlog_.pop_front();
  backlog_bytes_ -= charge(delivery);
  if (delivery.qos == mqtt::Qos::at_most_once) --backlog_qos0_;
  return delivery;
}

bool Outgoing::may_restore(std::uint64_t number, bool released) const noexcept {
  if (empty()) return true;
  const std::uint64_t end = sent_end() + backlog_.size();
  if (number < end) return false;
  const bool fills_window = released || number > end;
  return !fills_window || number - first_ < span_max;
}

void Outgoing::restore(std::uint64_t number, Delivery delivery, bool released) {
  if (empty()) first_ = number;
  // A hole says that what is older was sent: something was acknowledged behind it.
  if (released || number > sent_end() + backlog_.size()) {
    while (!backlog_.empty()) take_back();
    while (sent_end() < number) push_window({});
  }
  push_backlog(std::move(delivery));
  if (released) take_back();
  if (released) window_[window_.size() - 1].state = InFlight::State::release_unsent;
  unstored_ = number + 1;
}

void Outgoing::restored(std::uint64_t sent_end_number, std::size_t count) {
  const std::uint64_t end = std::max(sent_end_number, first_ + count);
  while (!backlog_.empty() && sent_end() < end && window_has_room()) take_back();
}

void Outgoing::take_back() {
  Delivery delivery = pop_backlog();
  in_flight_bytes_ += charge(delivery);
  push_window({std::move(delivery), InFlight::State::unsent, true});
}

}  // namespace broker
