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
  const std::uint32_t zero_based = (first_id_ - 1U + static_cast<std::uint32_t>(index));
  return static_cast<mqtt::PacketId>(zero_based % identifiers + 1U);
}

// Identifiers are free, and never zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
mqtt::PacketId Outgoing::put_in_flight(Delivery delivery) {
  const std::size_t index = window_.size();
  const bool was_resending = resending();
  in_flight_bytes_ += charge(delivery);
  ++quota_used_;
  const auto state = delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                              : InFlight::State::awaiting_pubrec;
  window_.push_back({std::move(delivery), state, true});
  if (!was_resending) resend_ = SIZE_MAX;
  return id_at(index);
}

InFlight* Outgoing::find(mqtt::PacketId id) noexcept {
  const auto number = static_cast<std::uint32_t>(id);
  if (number == 0) return nullptr;
  const std::size_t index = (number + identifiers - first_id_) % identifiers;
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

void Outgoing::finish(mqtt::PacketId id) {
  InFlight* const entry = find(id);
  if (entry == nullptr) return;
  in_flight_bytes_ -= charge(entry->delivery);
  if (counts(entry->state)) --quota_used_;
  *entry = InFlight{};
  drop_leading_holes();
}

void Outgoing::drop_leading_holes() {
  while (!window_.empty() && window_.front().state == InFlight::State::free) {
    window_.pop_front();
    first_id_ = static_cast<std::uint16_t>(first_id_ % identifiers + 1U);
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

Delivery Outgoing::pop_backlog() {
  Delivery delivery = backlog_.pop_front();
  backlog_bytes_ -= charge(delivery);
  if (delivery.qos == mqtt::Qos::at_most_once) --backlog_qos0_;
  return delivery;
}

}  // namespace broker
