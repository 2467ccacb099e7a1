#include "broker/restorer.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "broker/core/soundness.h"
#include "broker/timer_kind.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

constexpr std::int64_t will_grace_seconds = 3;  // after the start

std::uint32_t number_at(mqtt::Bytes bytes, std::size_t size_bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size_bytes; ++i) {
    value |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  }
  return value;
}

}  // namespace

Restorer::Restorer(const ShardOptions& options, const Homes& homes, Commons& commons,
                   SessionTable& sessions, TimerWheel& timers, Router& router,
                   SharedSubscriptions& groups, Ledger& ledger, Retained& retained)
    : options_(options),
      homes_(homes),
      interest_(commons.interest),
      counts_(commons.counts),
      sessions_(sessions),
      timers_(timers),
      router_(router),
      groups_(groups),
      ledger_(ledger),
      retained_(retained) {}

void Restorer::restore(const JournalBatch& batch, Instant now) {
  now_ = now;
  for (const auto& row : batch.sessions) restore_session(batch, row);
  for (const auto& row : batch.subscriptions) restore_subscription(batch, row);
  for (const auto& row : batch.messages) restore_message(batch, row);
  for (const auto& row : batch.deliveries) restore_delivery(batch, row);
  for (const auto& row : batch.incoming) restore_incoming(row);
  for (const auto& row : batch.forwards) restore_forward(batch, row);
  for (const auto& row : batch.retained) restore_retained(batch, row);
}

void Restorer::restore(const SharedMessage& message) {
  if (!is_sound(message.view())) {
    ++damaged_;
    return;
  }
  messages_.add(message.key, MessageRef::adopt(message));
}

void Restorer::restored() {
  messages_ = {};
  publishers_ = {};
  for (const auto& [key, returned] : returned_) wake_up(sessions_.at(returned.index), returned);
  returned_ = {};
}

void Restorer::restore_forward(const JournalBatch& batch, const JournalBatch::Forward& row) {
  const MessageRef* const found = messages_.find(row.message);
  if (found == nullptr) return;
  if (row.to >= row.shards || !is_sound_text(batch.text(row.share_name))) {
    ++damaged_;
    return;
  }
  forwards_.push_back({row,
                       *found,
                       std::string(batch.text(row.share_name)),
                       std::string(batch.text(row.share_filter)),
                       {std::string(batch.text(row.client_id)),
                        std::string(batch.text(row.user_name)), row.listener}});
}

bool Restorer::is_sound_session(const JournalBatch& batch, const JournalBatch::Session& row) const {
  const std::string_view client_id = batch.text(row.client_id);
  const JournalBatch::Will& will = row.will;
  return !client_id.empty() && is_sound_text(client_id) && sessions_.find(client_id) == nullptr &&
         is_sound_text(batch.text(row.user_name)) && is_sound_text(batch.text(row.mount_point)) &&
         row.version >= mqtt::Version::v3_1 && row.version <= mqtt::Version::v5_0 &&
         (will.topic.size_bytes == 0 ||
          is_sound({batch.text(will.topic), batch.data(will.payload), batch.data(will.properties),
                    will.qos, will.retain, std::nullopt}));
}

void Restorer::restore_session(const JournalBatch& batch, const JournalBatch::Session& row) {
  if (!is_sound_session(batch, row)) {
    ++damaged_;
    return;
  }
  Session& session = sessions_.create(batch.text(row.client_id));
  counts_.sessions.fetch_add(1, std::memory_order_relaxed);
  session.key = row.key;
  session.user_name = HeapText(batch.text(row.user_name));
  session.mount_point = HeapText(batch.text(row.mount_point));
  session.listener = row.listener < options_.listeners.size() ? row.listener : std::uint16_t{0};
  session.version = row.version;
  session.from_bridge = row.from_bridge;
  session.expiry_interval_seconds = row.expiry_interval_seconds;
  if (options_.authority != nullptr) {
    session.permissions =
        options_.authority->permissions_of(session.listener, batch.text(row.user_name));
  }
  Away& away = away_part(session);
  if (row.expires) {
    timers_.arm(away.expiry, *row.expires);
  } else if (session.expiry_interval_seconds != session_never_expires) {
    timers_.arm(away.expiry, after_seconds(now_, session.expiry_interval_seconds));
  }
  restore_will(session, batch, row.will);
  returned_.add(row.key, {session.index, row.sent_end, row.connected});
}

void Restorer::restore_will(Session& session, const JournalBatch& batch,
                            const JournalBatch::Will& row) {
  if (row.topic.size_bytes == 0) return;
  session.will = std::make_unique<StoredWill>();
  session.will->message =
      MessageRef::copy_of({batch.text(row.topic), batch.data(row.payload),
                           batch.data(row.properties), row.qos, row.retain, std::nullopt});
  session.will->delay_interval_seconds = row.delay_interval_seconds;
  session.will->has_expiry = row.message_expiry_interval_seconds.has_value();
  session.will->message_expiry_interval_seconds = row.message_expiry_interval_seconds.value_or(0);
  // A client that was connected when the broker ended has lost its connection now. It could not
  // come back while no listener was open, so it is given a moment to do so, whatever its delay.
  const Instant due = row.due.value_or(after_seconds(now_, row.delay_interval_seconds));
  timers_.arm(session.away->will_delay, std::max(due, after_seconds(now_, will_grace_seconds)));
}

void Restorer::restore_subscription(const JournalBatch& batch,
                                    const JournalBatch::Subscription& row) {
  const auto* const returned = returned_.find(row.session);
  if (returned == nullptr) return;
  if (!is_sound_filter(batch.text(row.filter)) || !is_sound_text(batch.text(row.share_name)) ||
      row.qos > mqtt::Qos::exactly_once ||
      row.subscription_identifier > mqtt::variable_byte_integer_max) {
    ++damaged_;
    return;
  }
  Session& session = sessions_.at(returned->index);
  const Ledger::Options terms{row.subscription_identifier, row.qos, row.no_local,
                              row.retain_as_published};
  if (row.share_name.size_bytes != 0) {
    groups_.join(session, batch.text(row.share_name), batch.text(row.filter), terms);
    return;
  }
  Subscriber subscriber;
  subscriber.index = static_cast<std::uint32_t>(session.index);
  subscriber.subscription_identifier = row.subscription_identifier;
  subscriber.qos = row.qos;
  subscriber.no_local = row.no_local;
  subscriber.retain_as_published = row.retain_as_published;
  const std::string_view filter = batch.text(row.filter);
  const TopicTrie::Insertion added = router_.subscribe(filter, subscriber);
  if (added.stored != TopicTrie::Stored::fresh) return;
  session.subscriptions.add(added.filter);
  if (interest_.is_asked()) interest_.add(options_.index, filter);
}

void Restorer::restore_message(const JournalBatch& batch, const JournalBatch::Message& row) {
  const MessageView view{batch.text(row.topic),
                         batch.data(row.payload),
                         batch.data(row.properties),
                         row.qos,
                         row.retain,
                         row.expires};
  if (!is_sound(view)) {
    ++damaged_;
    return;
  }
  MessageRef message = MessageRef::copy_of(view, true);
  *message->mark() = {row.key, 0, row.shared};
  messages_.add(row.key, std::move(message));
}

void Restorer::restore_delivery(const JournalBatch& batch, const JournalBatch::Delivery& row) {
  const auto* const returned = returned_.find(row.name.session);
  if (returned == nullptr) return;
  Session& session = sessions_.at(returned->index);
  if (row.qos > mqtt::Qos::exactly_once ||
      !session.outgoing_part().may_restore(row.name.number, row.released) ||
      (row.share_name.size_bytes != 0 && !is_sound_filter(batch.text(row.share_filter)))) {
    ++damaged_;
    return;
  }
  Delivery delivery;
  if (!row.released) {
    const MessageRef* const message = messages_.find(row.message);
    if (message == nullptr) return;
    delivery.message = *message;
    Ledger::refers(delivery.message);
  }
  std::vector<std::uint32_t> ids;
  mqtt::Bytes bytes = batch.data(row.subscription_identifiers);
  for (; bytes.size() >= sizeof(std::uint32_t); bytes = bytes.subspan(sizeof(std::uint32_t))) {
    const std::uint32_t id = number_at(bytes, sizeof(std::uint32_t));
    if (id != 0 && id <= mqtt::variable_byte_integer_max) ids.push_back(id);
  }
  delivery.subscription_identifiers = IdentifierList(ids);
  delivery.qos = row.qos;
  delivery.retain = row.retain;
  if (row.share_name.size_bytes != 0) {
    delivery.membership = SharedSubscriptions::membership_of(session, batch.text(row.share_name),
                                                             batch.text(row.share_filter));
  }
  session.outgoing_part().restore(row.name.number, std::move(delivery), row.released);
}

void Restorer::restore_incoming(const JournalBatch::Incoming& row) {
  const auto* const returned = returned_.find(row.session);
  if (returned == nullptr) return;
  Session& session = sessions_.at(returned->index);
  if (row.packet_id == mqtt::PacketId{0}) {
    ++damaged_;
    return;
  }
  if (!session.incoming) session.incoming = std::make_unique<IncomingIds>();
  session.incoming->restore(row.packet_id);
}

void Restorer::restore_retained(const JournalBatch& batch, const JournalBatch::Retained& row) {
  MessageRef* const found = messages_.find(row.message);
  if (found == nullptr || !*found) return;
  const std::string_view topic = batch.text(row.topic);
  if (topic != (*found)->topic() || (*found)->payload().empty()) {
    ++damaged_;
    return;
  }
  // Retained messages come last, each message once: no later row looks it up.
  MessageRef message = std::move(*found);
  const bool stores = homes_.of(topic) == options_.index;
  if (stores) Ledger::refers(message);
  // No client may publish there; an earlier version let wills and PUBLISH through.
  if (message->expired(now_) || mqtt::is_reserved(topic)) {
    if (stores) ledger_.retaining(topic, message);
    return;
  }
  retained_.store(std::move(message), RetainStamp{}, restored_publisher(batch, row));
}

std::shared_ptr<const Publisher> Restorer::restored_publisher(const JournalBatch& batch,
                                                              const JournalBatch::Retained& row) {
  if (row.client_id.size_bytes == 0) return nullptr;
  std::string name(batch.text(row.client_id));
  name += '\0';  // in no client id and no user name
  name += batch.text(row.user_name);
  name += '\0';
  name += std::to_string(row.listener);
  std::shared_ptr<const Publisher>& by = publishers_[std::move(name)];
  if (!by) {
    by = std::make_shared<const Publisher>(Publisher{std::string(batch.text(row.client_id)),
                                                     std::string(batch.text(row.user_name)),
                                                     row.listener});
  }
  return by;
}

void Restorer::wake_up(Session& session, const Returned& returned) {
  // It is away now, whatever comes for it.
  if (returned.was_connected) ledger_.changed(session, Ledger::session_row);
  if (!session.outgoing) return;
  // A client that was connected may have been sent all that its window allowed.
  const std::size_t most = options_.limits.max_inflight_messages == 0
                               ? Window::span_max
                               : options_.limits.max_inflight_messages;
  session.outgoing->restored(returned.sent_end, returned.was_connected ? most : 0);
}

}  // namespace broker
