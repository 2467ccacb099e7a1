#include "broker/core/due_queue.h"

#include <algorithm>
#include <cassert>

namespace broker {
namespace {

constexpr std::size_t entries_tolerated = 64;

}  // namespace

void DueQueue::schedule(std::uint32_t number, Instant due) {
  assert(due < none);
  if (number >= due_.size()) due_.resize(std::size_t{number} + 1, none);
  Instant& at = due_[number];
  if (at <= due) return;
  if (at == none) ++scheduled_;
  at = due;
  heap_.push_back({due, number});
  std::ranges::push_heap(heap_, later);
  if (heap_.size() > 2 * scheduled_ + entries_tolerated) drop_overtaken();
}

std::optional<std::uint32_t> DueQueue::pop(Instant now) {
  while (!heap_.empty() && heap_.front().due <= now) {
    std::ranges::pop_heap(heap_, later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    give_memory_back();
    if (entry.number >= due_.size() || due_[entry.number] != entry.due) continue;
    due_[entry.number] = none;
    assert(scheduled_ > 0);
    --scheduled_;
    if (scheduled_ == 0) *this = DueQueue{};
    return entry.number;
  }
  return std::nullopt;
}

// Each entry of a number has a time of its own: only an earlier one is ever added.
void DueQueue::drop_overtaken() {
  std::erase_if(heap_, [this](const Entry& entry) { return due_[entry.number] != entry.due; });
  std::ranges::make_heap(heap_, later);
  give_memory_back();
}

void DueQueue::give_memory_back() {
  if (heap_.capacity() > 1024 && heap_.size() * 4 < heap_.capacity()) heap_.shrink_to_fit();
}

}  // namespace broker
