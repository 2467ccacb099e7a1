#include "broker/forwards.h"

#include <cassert>
#include <type_traits>
#include <variant>

#include "broker/shard.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

/// Whether a message waits for no disk, and is not confirmed: QoS 0, and the broker's own figures.
/// While the disk is stuck, these would fill the memory, and the figures say that it is stuck. No
/// acknowledgement depends on them, so they have no request: a confirmation stands for all requests
/// before it, and these messages may have overtaken some.
[[nodiscard]] bool may_overtake(const SharedMessage& message) noexcept {
  if (message.qos == mqtt::Qos::at_most_once) return true;
  const std::string_view topic = message.view().topic;
  return mqtt::is_sys(topic) && !mqtt::is_bridge_state(topic);
}

// Columns of a row that differ between kinds of messages.

void describe(const PeerPublish& message, JournalBatch::Forward& row, Ledger::ForwardTexts& texts) {
  row.retain_count = message.stamp.count;
  if (!message.publisher) return;
  row.listener = message.publisher->listener;
  texts = {{}, {}, message.publisher->client_id, message.publisher->user_name};
}

template <typename GroupMessage>
void describe(const GroupMessage& message, JournalBatch::Forward& /*row*/,
              Ledger::ForwardTexts& texts) {
  texts = {message.share_name, message.filter, {}, {}};
}

}  // namespace

Forwards::Forwards(const ShardOptions& options, Ledger& ledger, Holdings& holdings,
                   PeerOutbox& peers)
    : options_(options),
      ledger_(ledger),
      holdings_(holdings),
      peers_(peers),
      unconfirmed_(options.shards) {}

void Forwards::begin_peer_input(ShardIndex from, const ConfirmRequest& request) {
  if (from == options_.index) return;  // this shard's own input has begun already
  assert(static_cast<std::uint32_t>(from) < options_.shards);
  const bool has_row = request.forward != ForwardKey{0};
  if (has_row) {
    ledger_.arrived(request.forward);
    storing_ = true;
  }
  if (has_row || request.number != 0) holdings_.confirm_when_stored(from, request);
  holdings_.set_depth(request.depth);
}

SharedMessage Forwards::share(const MessageView& message) {
  SharedMessage shared = SharedMessage::copy_of(message);
  if (ledger_.on()) shared.key = ledger_.new_message_key();
  return shared;
}

void Forwards::send(ShardIndex to, PeerPublish&& message, bool lasting, Publication* publication) {
  dispatch(to, std::move(message), lasting, publication);
}

void Forwards::send(ShardIndex to, GroupDelivery&& message, bool lasting,
                    Publication* publication) {
  dispatch(to, std::move(message), lasting, publication);
}

void Forwards::send(ShardIndex to, GroupReturn&& message, bool lasting, Publication* publication) {
  dispatch(to, std::move(message), lasting, publication);
}

template <typename Message>
void Forwards::dispatch(ShardIndex to, Message&& message, bool lasting, Publication* publication) {
  assert(to != options_.index);
  const bool stored = lasting && ledger_.durability() == Durability::commit;
  if (stored && storing_) return store(to, std::forward<Message>(message), publication);
  if (may_overtake(message.message))
    return peers_.send(peer_of_shard(to), std::forward<Message>(message));
  const bool waits = has_to_wait(message, lasting);
  if (stored) message.confirm = holdings_.request_confirm(to);
  if (!waits) return peers_.send(peer_of_shard(to), std::forward<Message>(message));
  ++in_order_;
  waiting_.push_back({0, ForwardKey{0}, to, std::forward<Message>(message), {}});
}

// A retained message must not overtake another: the last one published has to be the one that
// remains. From there on all messages wait, for each client's messages stay in order
// [MQTT-4.6.0-5].
template <typename Message>
bool Forwards::has_to_wait(const Message& message, bool lasting) const noexcept {
  if (waiting_.empty()) return false;
  return in_order_ > 0 || (lasting && message.message.retain);
}

template <typename Message>
void Forwards::store(ShardIndex to, Message&& message, Publication* publication) {
  assert(storing_ && ledger_.on());
  const MessageRef kept = publication != nullptr && publication->shared != nullptr
                              ? publication->keep()
                              : MessageRef::adopt(message.message);
  JournalBatch::Forward row = row_of(to);
  Ledger::ForwardTexts texts;
  describe(message, row, texts);
  const ForwardKey key = ledger_.forwarding(kept, row, texts);
  message.confirm = {0, key, 1};
  waiting_.push_back({ledger_.position(), key, to, std::forward<Message>(message), kept});
}

JournalBatch::Forward Forwards::row_of(ShardIndex to) const {
  JournalBatch::Forward row;
  row.to = static_cast<std::uint32_t>(to);
  row.shards = options_.shards;
  row.home_key[0] = options_.home_key[0];
  row.home_key[1] = options_.home_key[1];
  return row;
}

void Forwards::committed(std::uint64_t position) {
  while (!waiting_.empty() && waiting_.front().position <= position) {
    Waiting next = waiting_.pop_front();
    peers_.send(peer_of_shard(next.to), std::move(next.message));
    if (next.key == ForwardKey{0}) {
      assert(in_order_ > 0);
      --in_order_;
    } else {
      unconfirmed_[static_cast<std::uint32_t>(next.to)].push_back({next.key, std::move(next.kept)});
    }
  }
}

void Forwards::confirmed(ShardIndex from, const ConfirmRequest& request) {
  if (request.forward == ForwardKey{0}) return holdings_.confirmed(from, request);
  assert(static_cast<std::uint32_t>(from) < unconfirmed_.size());
  Ring<Unconfirmed>& sent = unconfirmed_[static_cast<std::uint32_t>(from)];
  while (!sent.empty() && sent.front().key <= request.forward) {
    ledger_.forwarded(sent.pop_front().kept);
  }
}

void Forwards::rewrite(std::size_t place, JournalBatch& batch) const {
  assert(place < waiting_.size());
  const Waiting& one = waiting_[place];
  if (one.key == ForwardKey{0}) return;
  ledger_.rewrite(one.kept, batch);
  batch.forwards.push_back(row_of(one, batch));
}

JournalBatch::Forward Forwards::row_of(const Waiting& one, JournalBatch& batch) const {
  JournalBatch::Forward row = row_of(one.to);
  Ledger::ForwardTexts texts;
  std::visit(
      [&](const auto& message) {
        if constexpr (requires { message.confirm; }) describe(message, row, texts);
      },
      one.message);
  row.key = one.key;
  assert(one.kept && one.kept->mark() != nullptr);
  row.message = one.kept->mark()->key;
  row.share_name = batch.put(texts.share_name);
  row.share_filter = batch.put(texts.share_filter);
  row.client_id = batch.put(texts.client_id);
  row.user_name = batch.put(texts.user_name);
  return row;
}

}  // namespace broker
