#include "broker/core/outbox.h"

#include <algorithm>
#include <cassert>

namespace broker {
namespace {

constexpr std::size_t pooled_buffer_bytes_max = 1'048'576;
constexpr std::size_t pool_bytes_max = 4'194'304;

}  // namespace

Outbox::Outbox() = default;
Outbox::~Outbox() = default;

Output& Outbox::open(ConnectionId connection) {
  if (connection.slot >= by_slot_.size()) by_slot_.resize(connection.slot + std::size_t{1});
  std::unique_ptr<Pending> pending;
  if (pool_.empty()) {
    pending = std::make_unique<Pending>();
  } else {
    pending = std::move(pool_.back());
    pool_.pop_back();
    pool_unused_ = std::min(pool_unused_, pool_.size());
    assert(pool_bytes_ >= sizeof(Pending) + pending->output.bytes.capacity());
    pool_bytes_ -= sizeof(Pending) + pending->output.bytes.capacity();
  }
  pending->connection = connection;
  by_slot_[connection.slot] = pending.get();
  dirty_.push_back(std::move(pending));
  return dirty_.back()->output;
}

void Outbox::recycle(std::unique_ptr<Pending> pending) {
  Output& output = pending->output;
  output.bytes.clear();
  if (output.bytes.capacity() > pooled_buffer_bytes_max) output.bytes.reset();
  output.splices.clear();
  output.spliced_bytes = 0;
  output.report = false;
  const std::size_t bytes = sizeof(Pending) + output.bytes.capacity();
  if (pool_bytes_ + bytes > pool_bytes_max) return;
  pool_bytes_ += bytes;
  pool_.push_back(std::move(pending));
}

void Outbox::trim() {
  assert(pool_unused_ <= pool_.size());
  const auto unused = pool_.begin() + static_cast<std::ptrdiff_t>(pool_unused_);
  for (auto it = pool_.begin(); it != unused; ++it) {
    pool_bytes_ -= sizeof(Pending) + (*it)->output.bytes.capacity();
  }
  pool_.erase(pool_.begin(), unused);
  pool_unused_ = pool_.size();
}

}  // namespace broker
