#include "broker/core/window.h"

#include <cassert>

namespace broker {

Window::~Window() {
  assert(sum_->messages >= entries_ && sum_->bytes >= size_bytes_);
  sum_->messages -= entries_;
  sum_->bytes -= size_bytes_;
}

std::size_t Window::index_of(mqtt::PacketId id) const noexcept {
  const auto of_first = static_cast<std::uint32_t>(first_ % packet_identifiers);
  const std::uint32_t of_id = static_cast<std::uint32_t>(id) - 1U;
  return of_id >= of_first ? of_id - of_first : of_id + packet_identifiers - of_first;
}

std::uint64_t Window::next_free_of_many(std::uint64_t number) {
  while (find(packet_id_of(number)) != nullptr) ++number;
  // The identifiers that were passed over count for the span of the ring, too.
  static_cast<void>(thin_out(number));
  return number;
}

bool Window::thin_out(std::uint64_t next) {
  while (!ring_.empty() && next - first_ >= span_tolerated) {
    const std::uint64_t span = next - first_;
    const std::size_t in_window = entries_ - (stragglers_ ? stragglers_->size() : 0);
    if (span < span_max && in_window * 4 >= span) break;
    if (!stragglers_) stragglers_ = std::make_unique<Stragglers>();
    stragglers_->add(first_, ring_.pop_front());
    ++first_;
    if (resend_ != SIZE_MAX && resend_ > 0) --resend_;
    drop_leading_holes();
  }
  return entries_ < entries_max;
}

InFlight& Window::append() {
  const bool was_resending = resend_ < ring_.size();
  InFlight& entry = ring_.push_empty();
  if (!was_resending) resend_ = SIZE_MAX;
  return entry;
}

InFlight& Window::push(Delivery&& delivery, std::uint64_t number, InFlight::State state) {
  assert(ring_.empty() || number >= end());
  if (ring_.empty()) first_ = number;
  while (end() < number) append();
  ++entries_;
  ++sum_->messages;
  InFlight& entry = append();
  entry.delivery = std::move(delivery);
  entry.state = state;
  entry.sent_before = true;
  return entry;
}

void Window::send(Delivery&& delivery, std::uint64_t number) {
  assert(delivery.qos != mqtt::Qos::at_most_once);
  charge(delivery.payload_bytes());
  ++quota_used_;
  const auto state = delivery.qos == mqtt::Qos::at_least_once ? InFlight::State::awaiting_puback
                                                              : InFlight::State::awaiting_pubrec;
  push(std::move(delivery), number, state);
}

InFlight* Window::find(mqtt::PacketId id) noexcept {
  if (id == mqtt::PacketId{0}) return nullptr;
  const std::size_t index = index_of(id);
  if (index < ring_.size() && ring_[index].state != InFlight::State::free) {
    return &ring_[index];
  }
  return stragglers_ ? stragglers_->find(id).entry : nullptr;
}

std::uint64_t Window::number_of(mqtt::PacketId id) noexcept {
  const std::size_t index = index_of(id);
  if (index < ring_.size() && ring_[index].state != InFlight::State::free) {
    return first_ + index;
  }
  assert(find(id) != nullptr);
  return stragglers_->find(id).number;
}

Window::Oldest Window::oldest() noexcept {
  Oldest oldest;
  if (stragglers_) {
    stragglers_->for_each([&](std::uint64_t number, const InFlight& entry) {
      if (oldest.entry == nullptr && entry.counts()) oldest = {packet_id_of(number), &entry};
    });
  }
  for (std::size_t i = 0; oldest.entry == nullptr && i < ring_.size(); ++i) {
    if (ring_[i].counts()) oldest = {packet_id_of(first_ + i), &ring_[i]};
  }
  return oldest;
}

void Window::received(InFlight& entry) {
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

Window::Done Window::finish(mqtt::PacketId id) {
  const std::size_t index = index_of(id);
  const bool in_window = index < ring_.size() && ring_[index].state != InFlight::State::free;
  if (!in_window) return finish_straggler(id);
  InFlight& entry = ring_[index];
  uncount(entry);
  Done done{first_ + index, std::move(entry.delivery.message)};
  entry = InFlight{};
  if (index == 0) drop_leading_holes();
  return done;
}

Window::Done Window::finish_straggler(mqtt::PacketId id) {
  assert(stragglers_);
  const auto [number, entry] = stragglers_->find(id);
  assert(entry != nullptr);
  uncount(*entry);
  Done done{number, std::move(entry->delivery.message)};
  stragglers_->remove(id);
  if (stragglers_->empty()) stragglers_.reset();
  return done;
}

void Window::uncount(const InFlight& entry) noexcept {
  if (entry.counts()) {
    discharge(entry.delivery.payload_bytes());
    --quota_used_;
  }
  --entries_;
  --sum_->messages;
}

void Window::drop_leading_holes() {
  while (!ring_.empty() && ring_.front().state == InFlight::State::free) {
    ring_.drop_empty_front();
    ++first_;
    if (resend_ != SIZE_MAX && resend_ > 0) --resend_;
  }
}

void Window::rewind() {
  if (stragglers_) stragglers_->rewind();
  for (std::size_t i = 0; i < ring_.size(); ++i) ring_[i].rewind();
  quota_used_ = 0;
  discharge(size_bytes_);
  resend_ = 0;
}

InFlight* Window::next_to_resend(mqtt::PacketId& id) noexcept {
  if (stragglers_) {
    const Stragglers::Place place = stragglers_->next_to_resend();
    id = packet_id_of(place.number);
    if (place.entry != nullptr) return place.entry;
  }
  for (; resend_ < ring_.size(); ++resend_) {
    InFlight& entry = ring_[resend_];
    if (entry.to_be_sent()) {
      id = packet_id_of(first_ + resend_);
      return &entry;
    }
  }
  resend_ = SIZE_MAX;
  return nullptr;
}

void Window::sent_again(InFlight& entry) {
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

void Window::restore(std::uint64_t number, Delivery&& delivery, InFlight::State state) {
  assert(state == InFlight::State::unsent || state == InFlight::State::release_unsent);
  static_cast<void>(thin_out(number));
  const mqtt::PacketId id = packet_id_of(number);
  if (stragglers_ && stragglers_->find(id).entry != nullptr) finish_straggler(id);
  push(std::move(delivery), number, state);
}

void Window::put_back(std::uint64_t number, InFlight entry) {
  assert(entry.state != InFlight::State::free);
  static_cast<void>(thin_out(number));
  assert(find(packet_id_of(number)) == nullptr);
  if (entry.counts()) {
    ++quota_used_;
    charge(entry.delivery.payload_bytes());
  }
  push(std::move(entry.delivery), number, entry.state).sent_before = entry.sent_before;
}

void Window::resume_resending() noexcept {
  resend_ = 0;
  if (stragglers_) stragglers_->resume_resending();
}

}  // namespace broker
