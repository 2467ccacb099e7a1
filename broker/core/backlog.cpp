#include "broker/core/backlog.h"

#include <cassert>
#include <utility>

namespace broker {
namespace {

/// More holes than this are worth closing the ranks.
constexpr std::size_t holes_tolerated = 32;

}  // namespace

Backlog::~Backlog() {
  assert(sum_->messages >= size() && sum_->bytes >= size_bytes_);
  sum_->messages -= size();
  sum_->bytes -= size_bytes_;
}

void Backlog::swap(Backlog& other) noexcept {
  assert(sum_ == other.sum_);
  std::swap(places_, other.places_);
  std::swap(holes_, other.holes_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(payload_bytes_, other.payload_bytes_);
  std::swap(at_most_once_, other.at_most_once_);
  std::swap(topics_, other.topics_);
}

std::size_t Backlog::place_from(std::uint64_t number) const noexcept {
  std::size_t low = 0;
  std::size_t high = places_.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (places_[middle].number < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void Backlog::push(Delivery delivery, std::uint64_t number) {
  assert(delivery.message);
  assert(places_.empty() || number > places_[places_.size() - 1].number);
  const std::size_t size_bytes = delivery.size_bytes();
  size_bytes_ += size_bytes;
  sum_->bytes += size_bytes;
  ++sum_->messages;
  payload_bytes_ += delivery.payload_bytes();
  if (delivery.qos == mqtt::Qos::at_most_once) ++at_most_once_;
  const Place& place = places_.push_back({std::move(delivery), number});
  if (topics_) note_topic(place);
}

Delivery Backlog::pop_front() {
  assert(!empty());
  Delivery delivery = take(places_.front());
  drop_leading_holes();
  return delivery;
}

Delivery Backlog::remove(std::uint64_t number) {
  const std::size_t place = place_from(number);
  assert(place < places_.size() && places_[place].number == number);
  Delivery delivery = take(places_[place]);
  drop_leading_holes();
  if (holes_ > size() + holes_tolerated) close_ranks();
  return delivery;
}

/// Leaves a hole.
Delivery Backlog::take(Place& place) {
  assert(place.delivery.message);
  assert(size_bytes_ >= place.delivery.size_bytes());
  if (topics_) {
    const auto found = topics_->find(place.delivery.message->topic());
    if (found != topics_->end() && found->second == place.number) topics_->erase(found);
  }
  ++holes_;
  const std::size_t size_bytes = place.delivery.size_bytes();
  size_bytes_ -= size_bytes;
  sum_->bytes -= size_bytes;
  --sum_->messages;
  payload_bytes_ -= place.delivery.payload_bytes();
  if (place.delivery.qos == mqtt::Qos::at_most_once) --at_most_once_;
  return std::exchange(place.delivery, Delivery{});
}

void Backlog::drop_leading_holes() {
  while (!places_.empty() && !places_.front().delivery.message) {
    places_.pop_front();
    --holes_;
  }
  if (places_.empty()) topics_.reset();
}

void Backlog::close_ranks() {
  for (std::size_t left = places_.size(); left > 0; --left) {
    Place place = places_.pop_front();
    if (place.delivery.message) places_.push_back(std::move(place));
  }
  holes_ = 0;
}

std::optional<std::uint64_t> Backlog::latest_of(std::string_view topic) {
  if (!topics_) {
    topics_ = std::make_unique<Topics>();
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].delivery.message) note_topic(places_[i]);
    }
  }
  const auto found = topics_->find(topic);
  if (found == topics_->end()) return std::nullopt;
  return found->second;
}

/// The key has to stand in the newest message: the one before may go first.
void Backlog::note_topic(const Place& place) {
  const std::string_view topic = place.delivery.message->topic();
  topics_->erase(topic);
  topics_->emplace(topic, place.number);
}

}  // namespace broker
