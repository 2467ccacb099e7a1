#include "broker/mailbox.h"

#include <cassert>
#include <iterator>
#include <utility>
#include <variant>

namespace broker {

namespace {

constexpr std::size_t index_of(ShardIndex shard) noexcept {
  return static_cast<std::uint32_t>(shard);
}

std::size_t bytes_of(const SharedMessage& message) noexcept {
  return std::size_t{message.topic_size} + message.properties_size + message.payload_size;
}

/// Appends `from` to `to` and leaves `from` empty; when `to` is empty they only change places.
void move_behind(std::vector<PeerMessage>& to, std::vector<PeerMessage>& from) {
  if (to.empty()) {
    to.swap(from);
    return;
  }
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

std::size_t payload_bytes(const PeerMessage& message) noexcept {
  if (const auto* const publish = std::get_if<PeerPublish>(&message)) {
    return bytes_of(publish->message);
  }
  if (const auto* const delivery = std::get_if<GroupDelivery>(&message)) {
    return bytes_of(delivery->message);
  }
  if (const auto* const returned = std::get_if<GroupReturn>(&message)) {
    return bytes_of(returned->message);
  }
  return 0;
}

Mailboxes::Mailboxes(std::uint32_t shards, const MailboxLimits& limits)
    : shards_(shards),
      limits_(limits),
      mailboxes_(std::make_unique<Mailbox[]>(std::size_t{shards} * shards)),
      receivers_(std::make_unique<Receiver[]>(shards)) {
  assert(shards <= Interest::shards_max);
  for (std::uint32_t to = 0; to < shards; ++to) receivers_[to].taken.resize(shards);
}

Mailboxes::~Mailboxes() = default;

Mailboxes::Mailbox& Mailboxes::mailbox(ShardIndex from, ShardIndex to) noexcept {
  return mailboxes_[index_of(to) * shards_ + index_of(from)];
}

std::size_t Mailboxes::append_data(Mailbox& box, std::vector<PeerMessage>& messages) {
  std::size_t bytes = 0;
  for (const PeerMessage& message : messages) bytes += payload_bytes(message);
  if (box.data.size() + messages.size() <= limits_.drop_messages &&
      box.data_bytes + bytes <= limits_.drop_bytes) {
    box.data_bytes += bytes;
    move_behind(box.data, messages);
    return 0;
  }
  std::size_t lost = 0;
  for (PeerMessage& message : messages) {
    const std::size_t size = payload_bytes(message);
    const bool room =
        box.data.size() < limits_.drop_messages && box.data_bytes + size <= limits_.drop_bytes;
    if (!room && may_be_dropped(message)) {
      ++lost;
      continue;
    }
    box.data_bytes += size;
    box.data.push_back(std::move(message));
  }
  messages.clear();
  return lost;
}

Mailboxes::Pushed Mailboxes::push(ShardIndex from, ShardIndex to, PeerOutbox::Lanes& lanes) {
  Pushed pushed;
  if (lanes.control.empty() && lanes.data.empty()) return pushed;
  Mailbox& box = mailbox(from, to);
  {
    const std::lock_guard lock(box.mutex);
    move_behind(box.control, lanes.control);
    pushed.dropped = append_data(box, lanes.data);
    pushed.full = box.data.size() >= limits_.full_messages || box.data_bytes >= limits_.full_bytes;
    box.sender_waits = pushed.full;
  }
  if (pushed.dropped > 0) dropped_.fetch_add(pushed.dropped, std::memory_order_relaxed);
  // Either this sees that the receiver sleeps, or the receiver sees the mail before it does: both
  // orders are total (seq_cst), see may_sleep().
  Receiver& receiver = receivers_[index_of(to)];
  receiver.mail.fetch_or(std::uint64_t{1} << index_of(from), std::memory_order_seq_cst);
  pushed.wake = receiver.asleep.load(std::memory_order_seq_cst) &&
                receiver.asleep.exchange(false, std::memory_order_seq_cst);
  return pushed;
}

std::uint64_t Mailboxes::take_data(ShardIndex to, std::uint64_t senders) {
  std::uint64_t waiting = 0;
  for (std::uint32_t from = 0; from < shards_; ++from) {
    if ((senders >> from & 1U) == 0) continue;
    Mailbox& box = mailbox(ShardIndex{from}, to);
    const std::lock_guard lock(box.mutex);
    box.data.swap(receivers_[index_of(to)].taken[from]);
    box.data_bytes = 0;
    if (std::exchange(box.sender_waits, false)) waiting |= std::uint64_t{1} << from;
  }
  return waiting;
}

void Mailboxes::take_control(ShardIndex from, ShardIndex to) {
  Mailbox& box = mailbox(from, to);
  const std::lock_guard lock(box.mutex);
  box.control.swap(receivers_[index_of(to)].taken_control);
}

void Mailboxes::forget(std::vector<PeerMessage>& batch) {
  constexpr std::size_t kept_messages = 2048;
  batch.clear();
  if (batch.capacity() > kept_messages) std::vector<PeerMessage>().swap(batch);
}

bool Mailboxes::may_sleep(ShardIndex to) noexcept {
  Receiver& receiver = receivers_[index_of(to)];
  receiver.asleep.store(true, std::memory_order_seq_cst);
  if (receiver.mail.load(std::memory_order_seq_cst) == 0) return true;
  awake(to);
  return false;
}

void Mailboxes::awake(ShardIndex to) noexcept {
  std::atomic<bool>& asleep = receivers_[index_of(to)].asleep;
  // Written only when it changes: the line is shared with the senders.
  if (asleep.load(std::memory_order_relaxed)) asleep.store(false, std::memory_order_relaxed);
}

}  // namespace broker
