#include "broker/core/publish_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

#include "broker/core/text.h"
#include "broker/wire/ack.h"
#include "broker/wire/publish.h"

namespace broker {
namespace {

std::size_t kind_of(mqtt::Version version, const Terms& terms) {
  const std::size_t v5 = version == mqtt::Version::v5_0 ? 6 : 0;
  return v5 + static_cast<std::size_t>(terms.qos) * 2 + (terms.retain ? 1U : 0U);
}

/// Whether the packet for a receiver is no other's: its topic or its properties are its own.
bool has_own_shape(const Connection& connection, const Terms& terms) {
  return !connection.session->mount_point.empty() || !terms.subscription_identifiers.empty() ||
         connection.topic_alias_maximum_out != 0;
}

/// The nearest number of seconds, at least one. Rounded up, an interval of 500 s would leave as 501
/// s if this loop's clock is some milliseconds behind that of the loop that received the message.
std::uint32_t seconds_left(Instant expires, Instant now) {
  const std::int64_t milliseconds = expires.milliseconds - now.milliseconds;
  return static_cast<std::uint32_t>(std::max<std::int64_t>((milliseconds + 500) / 1000, 1));
}

}  // namespace

// DUP says whether this session was sent the message before [MQTT-3.3.1-3] [MQTT-4.3.1-1]
// [MQTT-4.3.2-2] [MQTT-4.3.3-2]. Inlined into both of its callers, because the compiler then drops
// the checks that the caller has decided: a message to one receiver costs 2 % less.
[[gnu::always_inline]] inline PublishWriter::Written PublishWriter::encode(Connection& connection,
                                                                           const Sending& sending,
                                                                           std::size_t kind) {
  const auto& [message, terms, attempt, now, publication, kept] = sending;
  const bool waits = Holdings::waits(connection, attempt.when);
  mqtt::OutgoingPublish packet{message.topic.substr(connection.session->mount_point.size()),
                               message.payload,
                               message.properties,
                               attempt.id,
                               terms.qos,
                               terms.retain,
                               attempt.dup,
                               0,
                               std::nullopt,
                               terms.subscription_identifiers};
  if (connection.version == mqtt::Version::v5_0 && message.expires) {
    // The rest of the interval is sent [MQTT-3.3.2-6].
    packet.message_expiry_interval_seconds =
        *message.expires <= now ? 0 : seconds_left(*message.expires, now);
  }
  if (connection.maximum_packet_size_bytes != 0 &&
      mqtt::encoded_size(packet, connection.version) > connection.maximum_packet_size_bytes) {
    return drop(connection, DropReason::too_large);
  }
  // A packet that waits may be overtaken by one that needs the alias.
  if (connection.topic_alias_maximum_out != 0 && !waits) {
    bool known = false;
    packet.topic_alias = alias_for(connection, packet.topic, known);
    if (known) packet.topic = {};
  }
  if (waits) {
    const mqtt::EncodedPublish held =
        mqtt::encode(packet, connection.version, Holdings::hold(connection));
    holdings_.held(connection, held.size_bytes, true);
    connection.congested = true;
    count_sent(connection, terms.qos, held.size_bytes, message.payload.size());
    if (watched_) note_sent(*connection.session, message, terms, attempt);
    return Written::sent;
  }
  Output& output = outbox_.output(connection.id);
  const std::size_t offset = output.bytes.size();
  const bool large = message.payload.size() >= splice_bytes_min;
  mqtt::EncodedPublish shape;
  if (large) {
    shape = mqtt::encode_header(packet, connection.version, output.bytes);
    const MessageRef& keeper = kept != nullptr ? *kept : publication->keeper();
    outbox_.splice(output, keeper ? keeper->payload() : message.payload, keeper);
  } else {
    shape = mqtt::encode(packet, connection.version, output.bytes);
  }
  if (kind < Publication::kinds && !publication->has_encoded(kind)) {
    publication->note_encoded(kind,
                              {&output, offset, shape.size_bytes, shape.packet_id_offset, large});
  }
  count_sent(connection, terms.qos, shape.size_bytes, message.payload.size());
  if (watched_) note_sent(*connection.session, message, terms, attempt);
  return Written::sent;
}

PublishWriter::Written PublishWriter::write(Connection& connection, const Terms& terms,
                                            Attempt attempt, Publication& publication) {
  const MessageView& message = publication.view;
  if (message.expires && *message.expires <= publication.now) {
    return drop(connection, DropReason::expired);
  }
  std::size_t kind = Publication::kinds;
  if (!Holdings::waits(connection, attempt.when) && !has_own_shape(connection, terms)) {
    kind = kind_of(connection.version, terms);
    const std::size_t most = connection.maximum_packet_size_bytes;
    if (publication.has_encoded(kind) &&
        (most == 0 || publication.encoded[kind].size_bytes <= most)) {
      const Publication::Encoded& first = publication.encoded[kind];
      write_copy(connection, first, attempt.id, publication);
      count_sent(connection, terms.qos, first.size_bytes, message.payload.size());
      if (watched_) note_sent(*connection.session, message, terms, attempt);
      return Written::sent;
    }
  }
  return encode(connection, {message, terms, attempt, publication.now, &publication, nullptr},
                kind);
}

PublishWriter::Written PublishWriter::write_kept(Connection& connection, const MessageRef& message,
                                                 const Terms& terms, Attempt attempt, Instant now) {
  const MessageView view = message->view();
  if (view.expires && *view.expires <= now && !attempt.dup) {
    return drop(connection, DropReason::expired);
  }
  return encode(connection, {view, terms, attempt, now, nullptr, &message}, Publication::kinds);
}

PublishWriter::Written PublishWriter::drop(Connection& connection, DropReason reason) {
  drops_.count(*connection.session, reason);
  return Written::dropped;
}

void PublishWriter::write_copy(Connection& connection, const Publication::Encoded& first,
                               mqtt::PacketId id, Publication& publication) {
  Output& output = outbox_.output(connection.id);
  const std::size_t payload = first.spliced ? publication.view.payload.size() : 0;
  const std::size_t bytes = first.size_bytes - payload;
  std::byte* const place = output.bytes.extend(bytes);
  // The first copy is found again after extend(): it may stand in the buffer that just moved.
  assert(first.offset + bytes <= first.output->bytes.size());
  std::memcpy(place, first.output->bytes.data() + first.offset, bytes);
  if (first.packet_id_offset != 0) {
    place[first.packet_id_offset] = static_cast<std::byte>(static_cast<std::uint16_t>(id) >> 8U);
    place[first.packet_id_offset + 1] =
        static_cast<std::byte>(static_cast<std::uint16_t>(id) & 0xFFU);
  }
  if (!first.spliced) return;
  const MessageRef& keeper = publication.keeper();
  outbox_.splice(output, keeper ? keeper->payload() : publication.view.payload, keeper);
}

// [MQTT-3.3.2-11]
std::uint16_t PublishWriter::alias_for(Connection& connection, std::string_view topic,
                                       bool& known) {
  auto& aliases = connection.texts().outgoing_aliases;
  const std::string key(topic);
  const auto found = aliases.find(key);
  known = found != aliases.end();
  if (known) return found->second;
  // Never more than the client's Topic Alias Maximum [MQTT-3.1.2-26] [MQTT-3.1.2-27].
  if (aliases.size() >= connection.topic_alias_maximum_out) return 0;
  const auto alias = static_cast<std::uint16_t>(aliases.size() + 1);
  aliases.emplace(key, alias);
  return alias;
}

// Metrics::messages_sent follows from publish_sent: in its place the client's own count is kept, so
// that a message costs no more.
void PublishWriter::count_sent(Connection& connection, mqtt::Qos qos, std::size_t packet_bytes,
                               std::size_t payload_bytes) {
  const auto index = static_cast<std::size_t>(qos);
  connection.message_rate.count_sent();
  ++metrics_.publish_sent[index];
  metrics_.publish_bytes_sent[index] += payload_bytes;
  metrics_.bytes_sent += packet_bytes;
}

void PublishWriter::note_sent(const Session& session, const MessageView& message,
                              const Terms& terms, Attempt attempt) const {
  const Tracer& tracer = drops_.tracer();
  if (tracer.follows_topic(message.topic)) {
    tracer.tell_of_topic(message.topic, session,
                         {attempt.dup ? "sent again: QoS " : "sent: QoS ",
                          std::to_string(static_cast<int>(terms.qos)), ", packet identifier ",
                          std::to_string(static_cast<int>(attempt.id))});
  }
  if (!log_.enabled(LogType::debug)) return;
  log_.write(LogType::debug,
             concat({"Sending PUBLISH to ", cut(session.client_id), " (d", attempt.dup ? "1" : "0",
                     ", q", std::to_string(static_cast<int>(terms.qos)), ", r",
                     terms.retain ? "1" : "0", ", m", std::to_string(static_cast<int>(attempt.id)),
                     ", '", cut(message.topic.substr(session.mount_point.size())), "', ... (",
                     std::to_string(message.payload.size()), " bytes))"}));
}

void PublishWriter::write_ack(Session& session, mqtt::PacketType type, mqtt::PacketId id,
                              mqtt::Reason reason, SendRule when) {
  assert(session.connection != nullptr && id != mqtt::PacketId{0});
  Connection& connection = *session.connection;
  const std::size_t size_bytes = holdings_.say(connection, when, false, [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{type, id, reason, {}}, connection.version, out);
  });
  // A client can ask for it again and again, with a PUBREC.
  connection.unread_reply_bytes += static_cast<std::uint32_t>(size_bytes);
  metrics_.bytes_sent += size_bytes;
  ++metrics_.messages_sent;
  if (!watched_ || !log_.enabled(LogType::debug)) return;
  log_.write(LogType::debug,
             concat({"Sending ", mqtt::name_of(type), " to ", cut(session.client_id), " (m",
                     std::to_string(static_cast<int>(id)), ")"}));
}

}  // namespace broker
