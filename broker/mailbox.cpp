#include "broker/mailbox.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>
#include <variant>

namespace broker {

namespace {

constexpr std::size_t index_of(PeerId shard) noexcept { return static_cast<std::uint32_t>(shard); }

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
  if (const auto* const batch = std::get_if<PublishBatch>(&message)) return batch->size_bytes();
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
  assert(shards > 0 && shards <= Interest::shards_max);
  for (std::uint32_t to = 0; to < shards; ++to) receivers_[to].taken.resize(shards);
}

Mailboxes::~Mailboxes() = default;

Mailboxes::Mailbox& Mailboxes::mailbox(PeerId from, PeerId to) noexcept {
  assert(index_of(from) < shards_ && index_of(to) < shards_);
  return mailboxes_[index_of(to) * shards_ + index_of(from)];
}

std::size_t Mailboxes::append(Mailbox& box, std::vector<PeerMessage>& messages) {
  std::vector<PeerMessage>& kept = box.contents.messages;
  std::size_t bytes = 0;
  for (const PeerMessage& message : messages) bytes += payload_bytes(message);
  if (kept.size() + messages.size() <= limits_.drop_messages &&
      box.bytes + bytes <= limits_.drop_bytes) {
    box.bytes += bytes;
    move_behind(kept, messages);
    return 0;
  }
  std::size_t lost = 0;
  for (PeerMessage& message : messages) {
    const std::size_t size = payload_bytes(message);
    // An empty mailbox takes any single message: one larger than the limit would never pass.
    const bool room = kept.empty() || (kept.size() < limits_.drop_messages &&
                                       box.bytes + size <= limits_.drop_bytes);
    if (!room && may_be_dropped(message)) {
      lost += message_count(message);
      continue;
    }
    box.bytes += size;
    kept.push_back(std::move(message));
  }
  messages.clear();
  return lost;
}

std::size_t Mailboxes::waiting() const noexcept {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < std::size_t{shards_} * shards_; ++i) {
    const std::lock_guard lock(mailboxes_[i].mutex);
    sum += mailboxes_[i].contents.messages.size();
  }
  return sum;
}

Mailboxes::Pushed Mailboxes::push(PeerId from, PeerId to, std::vector<PeerMessage>& messages,
                                  std::int64_t begun_microseconds) {
  Pushed pushed;
  if (messages.empty()) return pushed;
  assert(from != to);
  Mailbox& box = mailbox(from, to);
  Receiver& receiver = receivers_[index_of(to)];
  {
    const std::lock_guard lock(box.mutex);
    // Drawn under the lock: a thread that has read this number and then locks finds the batch.
    const std::uint64_t number = 1 + receiver.batch_number.fetch_add(1, std::memory_order_seq_cst);
    pushed.dropped = append(box, messages);
    const std::size_t waiting = box.contents.messages.size();
    box.contents.batches.push_back({number, waiting, begun_microseconds});
    pushed.full = waiting >= limits_.full_messages || box.bytes >= limits_.full_bytes;
    box.sender_waits = pushed.full;
  }
  if (pushed.dropped > 0) dropped_.fetch_add(pushed.dropped, std::memory_order_relaxed);
  // Either this sees that the receiver sleeps, or the receiver sees the mail before it does: both
  // orders are total (seq_cst), see may_sleep().
  receiver.mail.fetch_or(PeerSet(from).bits(), std::memory_order_seq_cst);
  pushed.wake = receiver.asleep.load(std::memory_order_seq_cst) &&
                receiver.asleep.exchange(false, std::memory_order_seq_cst);
  return pushed;
}

Mailboxes::Senders Mailboxes::take(PeerId to) {
  Receiver& receiver = receivers_[index_of(to)];
  // First the number, then the bits: a batch up to that number that caused another such batch had
  // set its bit before. Newer batches wait for the next time.
  const std::uint64_t last = receiver.batch_number.load(std::memory_order_seq_cst);
  Senders senders{PeerSet::of_bits(receiver.mail.exchange(0, std::memory_order_seq_cst)), {}};
  PeerSet newer;
  senders.taken.for_each([&](PeerId from) {
    Mailbox& box = mailbox(from, to);
    const std::lock_guard lock(box.mutex);
    if (take_up_to(last, box, receiver.taken[index_of(from)])) newer.insert(from);
    if (std::exchange(box.sender_waits, false)) senders.waiting.insert(from);
  });
  if (!newer.empty()) receiver.mail.fetch_or(newer.bits(), std::memory_order_seq_cst);
  return senders;
}

bool Mailboxes::take_up_to(std::uint64_t last, Mailbox& box, Taken& taken) {
  Contents& contents = box.contents;
  if (contents.batches.empty()) return false;
  assert(contents.batches.back().end == contents.messages.size());
  assert(taken.messages.empty() && taken.batches.empty());
  if (contents.batches.back().number <= last) {
    std::swap(contents, static_cast<Contents&>(taken));
    box.bytes = 0;
    return false;
  }
  const auto newer = std::ranges::upper_bound(contents.batches, last, {}, &Batch::number);
  const std::size_t end = newer == contents.batches.begin() ? 0 : std::prev(newer)->end;
  const auto split = contents.messages.begin() + static_cast<std::ptrdiff_t>(end);
  taken.messages.assign(std::make_move_iterator(contents.messages.begin()),
                        std::make_move_iterator(split));
  taken.batches.assign(contents.batches.begin(), newer);
  contents.messages.erase(contents.messages.begin(), split);
  contents.batches.erase(contents.batches.begin(), newer);
  for (Batch& batch : contents.batches) batch.end -= end;
  box.bytes = 0;
  for (const PeerMessage& message : contents.messages) box.bytes += payload_bytes(message);
  return true;
}

std::optional<PeerId> Mailboxes::next_sender(const Receiver& receiver,
                                             PeerSet senders) const noexcept {
  std::optional<PeerId> next;
  std::uint64_t lowest = 0;
  senders.for_each([&](PeerId from) {
    const Taken& taken = receiver.taken[index_of(from)];
    if (taken.batch == taken.batches.size()) return;
    const std::uint64_t number = taken.batches[taken.batch].number;
    if (next && lowest < number) return;
    next = from;
    lowest = number;
  });
  return next;
}

void Mailboxes::forget(Taken& taken) {
  constexpr std::size_t kept_messages = 2048;
  taken.messages.clear();
  taken.batches.clear();
  taken.batch = taken.message = 0;
  if (taken.messages.capacity() > kept_messages) std::vector<PeerMessage>().swap(taken.messages);
}

bool Mailboxes::may_sleep(PeerId to) noexcept {
  Receiver& receiver = receivers_[index_of(to)];
  receiver.asleep.store(true, std::memory_order_seq_cst);
  if (receiver.mail.load(std::memory_order_seq_cst) == 0) return true;
  awake(to);
  return false;
}

void Mailboxes::awake(PeerId to) noexcept {
  std::atomic<bool>& asleep = receivers_[index_of(to)].asleep;
  // Written only when it changes: the line is shared with the senders.
  if (asleep.load(std::memory_order_relaxed)) asleep.store(false, std::memory_order_relaxed);
}

}  // namespace broker
