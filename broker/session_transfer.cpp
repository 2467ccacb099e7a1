#include "broker/session_transfer.h"

#include <cassert>
#include <memory>
#include <string>
#include <utility>

#include "broker/core/in_flight.h"
#include "broker/core/membership_list.h"
#include "broker/core/outgoing.h"
#include "broker/shard.h"
#include "broker/shared_subscriptions.h"
#include "broker/timer_kind.h"

namespace broker {
namespace {

SessionImage::Delivery image_of_delivery(const Session& session, std::uint64_t number,
                                         const Delivery& delivery) {
  SessionImage::Delivery image;
  image.number = number;
  if (delivery.message) image.message = SharedMessage::copy_of(delivery.message->view());
  const auto ids = delivery.subscription_identifiers.view();
  image.subscription_identifiers.assign(ids.begin(), ids.end());
  image.qos = delivery.qos;
  image.retain = delivery.retain;
  if (delivery.membership != MembershipList::none) {
    const Membership& membership = session.memberships->at(delivery.membership);
    image.share_name = membership.share_name;
    image.share_filter = membership.filter;
  }
  return image;
}

void add_deliveries(const Session& session, SessionImage& image) {
  if (!session.outgoing) return;
  Outgoing& outgoing = *session.outgoing;
  outgoing.window().for_each([&](std::uint64_t number, const InFlight& entry) {
    image.window.push_back(
        {image_of_delivery(session, number, entry.delivery), entry.state, entry.sent_before});
  });
  const auto add_to = [&](std::vector<SessionImage::Delivery>& list) {
    return [&](std::uint64_t number, const Delivery& delivery) {
      list.push_back(image_of_delivery(session, number, delivery));
    };
  };
  outgoing.backlog().for_each_from(0, add_to(image.backlog));
  if (const Backlog* const unsent = outgoing.unsent_if_any()) {
    unsent->for_each_from(0, add_to(image.unsent));
  }
  image.next_number = outgoing.next_number();
}

SessionImage::Will image_of_will(const Session& session) {
  const StoredWill& stored = *session.will;
  SessionImage::Will will;
  will.message = SharedMessage::copy_of(stored.message->view());
  will.delay_interval_seconds = stored.delay_interval_seconds;
  if (stored.has_expiry) {
    will.message_expiry_interval_seconds = stored.message_expiry_interval_seconds;
  }
  if (session.away && session.away->will_delay.armed()) {
    will.due = session.away->will_delay.deadline();
  }
  return will;
}

SessionImage::Connected image_of_connection(const Connection& connection) {
  SessionImage::Connected image;
  image.address = connection.address;
  image.tls_user_name = connection.tls_user_name();
  image.port = connection.client_port;
  image.keep_alive_seconds = connection.keep_alive_seconds;
  image.receive_maximum = connection.receive_maximum;
  image.topic_alias_maximum = connection.topic_alias_maximum_out;
  image.maximum_packet_size_bytes = connection.maximum_packet_size_bytes;
  image.request_problem_information = connection.request_problem_information;
  image.promises = connection.promises;
  image.unread = mqtt::as_text(connection.tail.view());
  if (connection.some_texts) {
    image.incoming_aliases = connection.some_texts->incoming_aliases;
    image.outgoing_aliases.resize(connection.some_texts->outgoing_aliases.size());
    for (const auto& [topic, alias] : connection.some_texts->outgoing_aliases) {
      image.outgoing_aliases[alias - 1U] = topic;
    }
  }
  return image;
}

void put_back_connection(const SessionImage& image, Session& session, Connection& connection) {
  const SessionImage::Connected& from = *image.connected;
  connection.stage = Connection::Stage::connected;
  connection.session = &session;
  session.connection = &connection;
  connection.version = image.version;
  connection.listener = image.listener;
  connection.address = from.address;
  connection.client_port = from.port;
  connection.keep_alive_seconds = from.keep_alive_seconds;
  connection.receive_maximum = from.receive_maximum;
  connection.topic_alias_maximum_out = from.topic_alias_maximum;
  connection.maximum_packet_size_bytes = from.maximum_packet_size_bytes;
  connection.request_problem_information = from.request_problem_information;
  connection.promises = from.promises;
  connection.tail.append(mqtt::as_bytes(from.unread));
  if (!from.tls_user_name.empty()) {
    connection.texts().tls_user_name = HeapText(from.tls_user_name);
  }
  if (!from.incoming_aliases.empty()) {
    connection.texts().incoming_aliases = from.incoming_aliases;
  }
  std::uint16_t alias = 0;
  for (const std::string& topic : from.outgoing_aliases) {
    connection.texts().outgoing_aliases.emplace(topic, ++alias);
  }
}

}  // namespace

bool SessionTransfer::is_ready(const Session& session) noexcept {
  if (session.end != Session::End::none || session.announcing) return false;
  const Connection* const connection = session.connection;
  return connection == nullptr ||
         (!connection->held && !connection->parked && !connection->work && !connection->overrun);
}

SessionImage SessionTransfer::image_of(const Session& session) const {
  assert(is_ready(session));
  SessionImage image;
  image.client_id = session.client_id.view();
  image.user_name = session.user_name.view();
  image.mount_point = session.mount_point.view();
  image.listener = session.listener;
  image.version = session.version;
  image.from_bridge = session.from_bridge;
  image.expiry_interval_seconds = session.expiry_interval_seconds;
  if (session.away) {
    if (session.away->expiry.armed()) image.expires = session.away->expiry.deadline();
    image.last_address = session.away->address.view();
  }
  if (session.will) image.will = image_of_will(session);
  subscriptions_.for_each(session, [&](const std::string& filter, const Subscriber& terms) {
    image.subscriptions.push_back({"", filter, terms.subscription_identifier, terms.qos,
                                   terms.no_local, terms.retain_as_published});
  });
  const MembershipList::Number last = session.memberships ? session.memberships->last() : 0;
  for (MembershipList::Number number = 1; number <= last; ++number) {
    const Membership& one = session.memberships->at(number);
    if (!one.live) continue;
    image.subscriptions.push_back({one.share_name, one.filter, one.subscription_identifier, one.qos,
                                   false, one.retain_as_published});
  }
  add_deliveries(session, image);
  if (session.incoming) {
    session.incoming->for_each([&](mqtt::PacketId id) { image.incoming_ids.push_back(id); });
  }
  if (session.connection != nullptr) image.connected = image_of_connection(*session.connection);
  return image;
}

Session& SessionTransfer::put_back(const SessionImage& image, Connection* connection) {
  assert(sessions_.find(image.client_id) == nullptr);
  assert((connection != nullptr) == image.connected.has_value());
  assert(image.listener < options_.listeners.size());
  Session& session = sessions_.create(image.client_id);
  session.user_name = HeapText(image.user_name);
  session.mount_point = HeapText(image.mount_point);
  session.listener = image.listener;
  session.version = image.version;
  session.from_bridge = image.from_bridge;
  session.expiry_interval_seconds = image.expiry_interval_seconds;
  if (options_.authority != nullptr) {
    session.permissions = options_.authority->permissions_of(image.listener, image.user_name);
  }
  if (connection != nullptr) {
    put_back_connection(image, session, *connection);
  } else {
    Away& away = away_part(session);
    away.address = HeapText(image.last_address);
    if (image.expires) {
      timers_.arm(away.expiry, *image.expires);
    } else if (image.expiry_interval_seconds != session_never_expires) {
      timers_.arm(away.expiry, after_seconds(turn_.now(), image.expiry_interval_seconds));
    }
  }
  if (image.will) {
    session.will = std::make_unique<StoredWill>();
    session.will->message = MessageRef::copy_of(image.will->message.view());
    session.will->delay_interval_seconds = image.will->delay_interval_seconds;
    session.will->has_expiry = image.will->message_expiry_interval_seconds.has_value();
    session.will->message_expiry_interval_seconds =
        image.will->message_expiry_interval_seconds.value_or(0);
    if (session.away && image.will->due) timers_.arm(session.away->will_delay, *image.will->due);
  }
  ledger_.changed(session, Ledger::session_row);
  for (const SessionImage::Subscription& one : image.subscriptions) {
    subscriptions_.put_back(
        session, one.share_name, one.filter,
        {one.subscription_identifier, one.qos, one.no_local, one.retain_as_published});
  }
  put_back_deliveries(image, session);
  return session;
}

void SessionTransfer::put_back_deliveries(const SessionImage& image, Session& session) {
  if (!image.incoming_ids.empty()) {
    session.incoming = std::make_unique<IncomingIds>();
    for (const mqtt::PacketId id : image.incoming_ids) {
      session.incoming->add(id, ledger_.keeps(session));
    }
    ledger_.changed(session, Ledger::session_incoming);
  }
  if (image.next_number == 0 && image.unsent.empty()) return;
  Outgoing& outgoing = session.outgoing_part();
  for (const SessionImage::InFlightDelivery& one : image.window) {
    outgoing.put_back(one.delivery.number,
                      {delivery_of(one.delivery, session), one.state, one.sent_before});
  }
  for (const SessionImage::Delivery& one : image.backlog) {
    outgoing.put_back_waiting(one.number, delivery_of(one, session));
  }
  outgoing.put_back_done(image.next_number);
  for (const SessionImage::Delivery& one : image.unsent) {
    outgoing.push_unsent(delivery_of(one, session));
  }
  ledger_.changed(session, Ledger::session_deliveries);
}

Delivery SessionTransfer::delivery_of(const SessionImage::Delivery& image, Session& session) const {
  Delivery delivery;
  if (image.message) delivery.message = MessageRef::copy_of(image.message->view(), ledger_.on());
  delivery.subscription_identifiers = IdentifierList(image.subscription_identifiers);
  delivery.qos = image.qos;
  delivery.retain = image.retain;
  if (!image.share_name.empty()) {
    delivery.membership =
        SharedSubscriptions::membership_of(session, image.share_name, image.share_filter);
  }
  return delivery;
}

}  // namespace broker
