#include "broker/core/outbox.h"

#include <cassert>

namespace broker {
namespace {

constexpr std::size_t pooled_outputs_max = 1024;
constexpr std::size_t pooled_bytes_max = 65'536;

}  // namespace

Outbox::Outbox() = default;
Outbox::~Outbox() = default;

Output& Outbox::open(ConnectionId connection) {
  if (connection.slot >= by_slot_.size()) by_slot_.resize(connection.slot + std::size_t{1});
  std::unique_ptr<Output> output;
  if (pool_.empty()) {
    output = std::make_unique<Output>();
  } else {
    output = std::move(pool_.back());
    pool_.pop_back();
  }
  Output* const place = output.get();
  by_slot_[connection.slot] = place;
  dirty_.push_back({connection, std::move(output)});
  return *place;
}

void Outbox::recycle(std::unique_ptr<Output> output) {
  if (pool_.size() >= pooled_outputs_max) return;
  output->bytes.clear();
  if (output->bytes.capacity() > pooled_bytes_max) output->bytes.reset();
  output->splices.clear();
  output->spliced_bytes = 0;
  pool_.push_back(std::move(output));
}

}  // namespace broker
