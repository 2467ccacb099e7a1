#include "broker/core/outgoing.h"

#include <cassert>

namespace broker {

Outgoing::~Outgoing() {
  assert(sum_->messages >= entries_ && sum_->bytes >= in_flight_bytes_);
  sum_->messages -= entries_;
  sum_->bytes -= in_flight_bytes_;
}

std::size_t Outgoing::index_of(mqtt::PacketId id) const noexcept {
  const auto of_first = static_cast<std::uint32_t>(first_ % packet_identifiers);
  const std::uint32_t of_id = static_cast<std::uint32_t>(id) - 1U;
  return of_id >= of_first ? of_id - of_first : of_id + packet_identifiers - of_first;
}

void Outgoing::skip_taken_identifiers() {
  while (entries_ < packet_identifiers && find(packet_id_of(next_)) != nullptr) ++next_;
}

bool Outgoing::thin_out(std::uint64_t next) {
  while (!window_.empty() && next - first_ >= span_tolerated) {
    const std::uint64_t span = next - first_;
    const std::size_t in_window = entries_ - (stragglers_ ? stragglers_->size() : 0);
    if (span < span_max && in_window * 4 >= span) break;
    if (!stragglers_) stragglers_ = std::make_unique<Stragglers>();
    stragglers_->add(first_, window_.pop_front());
    ++first_;
    if (resend_ != SIZE_MAX && resend_ > 0) --resend_;
    drop_leading_holes();
  }
  return entries_ < packet_identifiers;
}

InFlight& Outgoing::append() {
  const bool was_resending = resend_ < window_.size();
  InFlight& entry = window_.push_empty();
  if (!was_resending) resend_ = SIZE_MAX;
  return entry;
}

InFlight& Outgoing::push_window(Delivery&& delivery, std::uint64_t number, InFlight::State state) {
  assert(window_.empty() || number >= sent_end());
  if (window_.empty()) first_ = number;
  while (sent_end() < number) append();
  ++entries_;
  ++sum_->messages;
  InFlight& entry = append();
  entry.delivery = std::move(delivery);
  entry.state = state;
  entry.sent_before = true;
  return entry;
}

// Identifiers are free, and never zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
mqtt::PacketId Outgoing::put_in_flight(Delivery&& delivery) {
  const std::uint64_t number = take_number();
  push_sent(std::move(delivery), number);
  return packet_id_of(number);
}

mqtt::PacketId Outgoing::send_front() {
  assert(front_has_identifier());
  const std::uint64_t number = backlog_.front_number();
  push_sent(backlog_.pop_front(), number);
  return packet_id_of(number);
}

void Outgoing::push_sent(Delivery&& delivery, std::uint64_t number) {
  charge(delivery.payload_bytes());
  ++quota_used_;
  const auto state = delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                              : InFlight::State::awaiting_pubrec;
  push_window(std::move(delivery), number, state);
}

InFlight* Outgoing::find(mqtt::PacketId id) noexcept {
  if (id == mqtt::PacketId{0}) return nullptr;
  const std::size_t index = index_of(id);
  if (index < window_.size() && window_[index].state != InFlight::State::free) {
    return &window_[index];
  }
  return stragglers_ ? stragglers_->find(id).entry : nullptr;
}

std::uint64_t Outgoing::number_of(mqtt::PacketId id) noexcept {
  const std::size_t index = index_of(id);
  if (index < window_.size() && window_[index].state != InFlight::State::free) {
    return first_ + index;
  }
  assert(find(id) != nullptr);
  return stragglers_->find(id).number;
}

Outgoing::Oldest Outgoing::oldest_in_flight() noexcept {
  Oldest oldest;
  if (stragglers_) {
    stragglers_->for_each([&](std::uint64_t number, const InFlight& entry) {
      if (oldest.entry == nullptr && entry.counts()) oldest = {packet_id_of(number), &entry};
    });
  }
  for (std::size_t i = 0; oldest.entry == nullptr && i < window_.size(); ++i) {
    if (window_[i].counts()) oldest = {packet_id_of(first_ + i), &window_[i]};
  }
  return oldest;
}

void Outgoing::received(InFlight& entry) {
  assert(entry.state != InFlight::State::free);
  assert(entry.delivery.qos == mqtt::Qos::exactly_once);
  if (entry.counts()) {
    discharge(entry.delivery.payload_bytes());
  } else {
    ++quota_used_;
  }
  entry.delivery.message = MessageRef{};
  entry.state = InFlight::State::awaiting_pubcomp;
}

Outgoing::Done Outgoing::finish(mqtt::PacketId id) {
  const std::size_t index = index_of(id);
  const bool in_window = index < window_.size() && window_[index].state != InFlight::State::free;
  if (!in_window) return finish_straggler(id);
  InFlight& entry = window_[index];
  uncount(entry);
  Done done{first_ + index, std::move(entry.delivery.message)};
  entry = InFlight{};
  if (index == 0) drop_leading_holes();
  return done;
}

Outgoing::Done Outgoing::finish_straggler(mqtt::PacketId id) {
  assert(stragglers_);
  const auto [number, entry] = stragglers_->find(id);
  assert(entry != nullptr);
  uncount(*entry);
  Done done{number, std::move(entry->delivery.message)};
  stragglers_->remove(id);
  if (stragglers_->empty()) stragglers_.reset();
  return done;
}

void Outgoing::uncount(const InFlight& entry) noexcept {
  if (entry.counts()) {
    discharge(entry.delivery.payload_bytes());
    --quota_used_;
  }
  --entries_;
  --sum_->messages;
}

void Outgoing::drop_leading_holes() {
  while (!window_.empty() && window_.front().state == InFlight::State::free) {
    window_.drop_empty_front();
    ++first_;
    if (resend_ != SIZE_MAX && resend_ > 0) --resend_;
  }
}

void Outgoing::rewind() {
  if (stragglers_) stragglers_->rewind();
  for (std::size_t i = 0; i < window_.size(); ++i) window_[i].rewind();
  quota_used_ = 0;
  discharge(in_flight_bytes_);
  resend_ = 0;
}

InFlight* Outgoing::next_to_resend(mqtt::PacketId& id) noexcept {
  if (stragglers_) {
    const Stragglers::Place place = stragglers_->next_to_resend();
    id = packet_id_of(place.number);
    if (place.entry != nullptr) return place.entry;
  }
  for (; resend_ < window_.size(); ++resend_) {
    InFlight& entry = window_[resend_];
    if (entry.to_be_sent()) {
      id = packet_id_of(first_ + resend_);
      return &entry;
    }
  }
  resend_ = SIZE_MAX;
  return nullptr;
}

void Outgoing::sent_again(InFlight& entry) {
  assert(entry.to_be_sent());
  if (entry.state == InFlight::State::release_unsent) {
    entry.state = InFlight::State::awaiting_pubcomp;
  } else {
    entry.state = entry.delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                                 : InFlight::State::awaiting_pubrec;
    entry.sent_before = true;
  }
  charge(entry.delivery.payload_bytes());
  ++quota_used_;
}

bool Outgoing::may_restore(std::uint64_t number, bool released) const noexcept {
  if (number > UINT64_MAX / 2) return false;  // nobody ever counted so far
  if (released && entries_ + backlog_.size() >= span_max) return false;
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
  static_cast<void>(thin_out(number));
  free_identifier(number);
  push_window(std::move(delivery), number, InFlight::State::release_unsent);
}

void Outgoing::restored(std::uint64_t sent_end_number, std::size_t count) {
  while (!backlog_.empty() && front_has_identifier() && window_has_room()) {
    if (backlog_.front_number() >= sent_end_number && entries_ >= count) return;
    take_back();
  }
}

void Outgoing::put_back(std::uint64_t number, InFlight entry) {
  assert(number >= next_ && backlog_.empty() && entry.state != InFlight::State::free);
  static_cast<void>(thin_out(number));
  assert(find(packet_id_of(number)) == nullptr);
  if (entry.counts()) {
    ++quota_used_;
    charge(entry.delivery.payload_bytes());
  }
  push_window(std::move(entry.delivery), number, entry.state).sent_before = entry.sent_before;
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
  resend_ = 0;
  if (stragglers_) stragglers_->resume_resending();
}

void Outgoing::take_back() {
  const std::uint64_t number = backlog_.front_number();
  free_identifier(number);
  push_window(backlog_.pop_front(), number, InFlight::State::unsent);
}

/// In a damaged store two that were in flight may have one identifier: the older one is given up.
void Outgoing::free_identifier(std::uint64_t number) {
  const mqtt::PacketId id = packet_id_of(number);
  if (stragglers_ && stragglers_->find(id).entry != nullptr) finish_straggler(id);
}

}  // namespace broker
