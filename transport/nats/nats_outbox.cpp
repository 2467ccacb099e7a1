#include "transport/nats/nats_outbox.h"

#include <cstring>
#include <utility>

namespace transport {
namespace {

constexpr std::size_t memory_kept_bytes = 1'048'576;

struct Sizes {
  std::uint32_t subject = 0;
  std::uint32_t payload = 0;
};

std::size_t bytes_of(Sizes sizes) noexcept {
  return sizeof sizes + sizes.subject + 1 + sizes.payload;
}

}  // namespace

NatsOutbox::Added NatsOutbox::add(std::string_view subject, mqtt::Bytes payload) {
  const Sizes sizes{.subject = static_cast<std::uint32_t>(subject.size()),
                    .payload = static_cast<std::uint32_t>(payload.size())};
  const std::size_t size = bytes_of(sizes);
  const std::scoped_lock lock(mutex_);
  if (bytes() >= bytes_max_) {
    was_full_.store(true, std::memory_order_relaxed);
    return {};
  }
  std::byte* place = arrived_.extend(size);
  std::memcpy(place, &sizes, sizeof sizes);
  place += sizeof sizes;
  std::memcpy(place, subject.data(), subject.size());
  place += subject.size();
  *place++ = std::byte{0};
  if (!payload.empty()) std::memcpy(place, payload.data(), payload.size());
  const std::size_t waiting = bytes_.fetch_add(size, std::memory_order_relaxed) + size;
  const bool has_room = waiting < bytes_max_;
  if (!has_room) was_full_.store(true, std::memory_order_relaxed);
  return {.queued = true, .has_room = has_room, .wake = std::exchange(resting_, false)};
}

std::optional<NatsOutbox::Message> NatsOutbox::front() {
  if (read_ == leaving_.size()) {
    if (leaving_.capacity() > memory_kept_bytes) leaving_.reset();
    leaving_.clear();
    read_ = 0;
    const std::scoped_lock lock(mutex_);
    resting_ = false;
    std::swap(arrived_, leaving_);
  }
  if (leaving_.empty()) return std::nullopt;
  Sizes sizes;
  const std::byte* const place = leaving_.data() + read_;
  std::memcpy(&sizes, place, sizeof sizes);
  const std::byte* const subject = place + sizeof sizes;
  return Message{.subject = reinterpret_cast<const char*>(subject),
                 .payload = {subject + sizes.subject + 1, sizes.payload}};
}

bool NatsOutbox::pop() {
  Sizes sizes;
  std::memcpy(&sizes, leaving_.data() + read_, sizeof sizes);
  const std::size_t size = bytes_of(sizes);
  read_ += size;
  const std::size_t waiting = bytes_.fetch_sub(size, std::memory_order_relaxed) - size;
  return waiting <= bytes_max_ / 2 && was_full_.load(std::memory_order_relaxed) &&
         was_full_.exchange(false, std::memory_order_relaxed);
}

bool NatsOutbox::rest() {
  if (read_ < leaving_.size()) return false;
  const std::scoped_lock lock(mutex_);
  resting_ = arrived_.empty();
  return resting_;
}

}  // namespace transport
