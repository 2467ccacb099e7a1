#include "broker/core/retained.h"

#include <cassert>
#include <utility>

namespace broker {
namespace {

constexpr std::int64_t tombstone_seconds = 60;

}  // namespace

Retained::Retained() : nodes_(1, LevelTree::none) { (void)records_.take(); }
Retained::~Retained() = default;

std::uint32_t Retained::record_of(std::string_view topic) {
  const LevelTree::NodeIndex node = tree_.add(topic);
  std::uint32_t index = tree_.value(node);
  if (index != 0) return index;
  index = records_.take();
  if (index == nodes_.size()) nodes_.emplace_back();
  assert(index < nodes_.size());
  nodes_[index] = node;
  tree_.set_value(node, index);
  return index;
}

void Retained::forget_message(Record& record) {
  if (!record.message) return;
  assert(size_ > 0 && size_bytes_ >= record.message->size_bytes());
  --size_;
  size_bytes_ -= record.message->size_bytes();
  record.message = MessageRef{};
  record.publisher.reset();
}

void Retained::bury(std::uint32_t index, Instant now) {
  Record& record = records_[index];
  forget_message(record);
  record.removed = now;
  due_.schedule(index, end_of(record));
}

bool Retained::store(MessageRef message, RetainStamp stamp,
                     std::shared_ptr<const Publisher> publisher) {
  assert(message);
  const std::uint32_t index = record_of(message->topic());
  Record& record = records_[index];
  if (stamp < record.stamp) return false;
  forget_message(record);
  ++size_;
  size_bytes_ += message->size_bytes();
  const std::optional<Instant> expires = message->expires();
  record = {std::move(message), stamp, std::move(publisher), {}, ++updates_};
  if (expires) due_.schedule(index, *expires);
  return true;
}

bool Retained::remove(std::string_view topic, RetainStamp stamp, Instant now, bool keep_tombstone) {
  if (!keep_tombstone) {
    const LevelTree::NodeIndex node = tree_.find(topic);
    if (node != LevelTree::none && tree_.value(node) != 0) drop(tree_.value(node));
    return true;
  }
  const std::uint32_t index = record_of(topic);
  if (stamp < records_[index].stamp) return false;
  bury(index, now);
  records_[index].stamp = stamp;
  return true;
}

const Retained::Record* Retained::find(std::string_view topic) const noexcept {
  const LevelTree::NodeIndex node = tree_.find(topic);
  if (node == LevelTree::none || tree_.value(node) == 0) return nullptr;
  const Record& record = records_[tree_.value(node)];
  return record.message ? &record : nullptr;
}

const Retained::Record* Retained::message_at(LevelTree::NodeIndex node,
                                             Instant now) const noexcept {
  const std::uint32_t index = tree_.value(node);
  if (index == 0) return nullptr;
  const Record& record = records_[index];
  return record.message && !record.message->expired(now) ? &record : nullptr;
}

void Retained::drop(std::uint32_t index) {
  assert(index != 0 && nodes_[index] != LevelTree::none);
  forget_message(records_[index]);
  records_.give_back(index);
  tree_.clear_value(std::exchange(nodes_[index], LevelTree::none));
}

Instant Retained::end_of(const Record& tombstone) noexcept {
  return after_seconds(tombstone.removed, tombstone_seconds);
}

}  // namespace broker
