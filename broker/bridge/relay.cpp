#include "broker/bridge/relay.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <variant>

#include "broker/bridge/hops.h"
#include "broker/core/text.h"

namespace bridge {

using client::Accepted;
using client::Receipt;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;

namespace {

/// The name of a publication between the two clients: the receipt of the message that it carries
/// on. The packet identifier is the same at both ends, so that it need not be in it.
client::Token token_of(const Receipt& receipt) {
  const auto kind = receipt.answer == PacketType::puback   ? 0U
                    : receipt.answer == PacketType::pubrec ? 1U
                                                           : 2U;
  return client::Token{receipt.number << 2U | kind};
}

Receipt receipt_of(client::Token token, PacketId id) {
  constexpr std::array answers = {PacketType::puback, PacketType::pubrec, PacketType::pubcomp};
  const auto bits = static_cast<std::uint64_t>(token);
  return {.number = bits >> 2U, .packet_id = id, .answer = answers[bits & 3U]};
}

}  // namespace

void Relay::take_remote(const client::Event& event, Instant now) {
  if (const auto* message = std::get_if<client::Message>(&event)) {
    cross_to_local(*message, now);
  } else if (const auto* release = std::get_if<client::Released>(&event)) {
    released(in_, remote_, local_, release->receipt, now);
  } else if (const auto* taken = std::get_if<client::Received>(&event)) {
    acknowledged(out_, local_, receipt_of(taken->token, taken->packet_id), Reason::success, now);
  } else if (const auto* done = std::get_if<client::Acknowledged>(&event)) {
    acknowledged(out_, local_, receipt_of(done->token, done->packet_id), done->reason, now);
  }
}

void Relay::take_local(const client::Event& event, Instant now) {
  if (const auto* message = std::get_if<client::Message>(&event)) {
    cross_to_remote(*message, now);
  } else if (const auto* release = std::get_if<client::Released>(&event)) {
    released(out_, local_, remote_, release->receipt, now);
  } else if (const auto* taken = std::get_if<client::Received>(&event)) {
    acknowledged(in_, remote_, receipt_of(taken->token, taken->packet_id), Reason::success, now);
  } else if (const auto* done = std::get_if<client::Acknowledged>(&event)) {
    acknowledged(in_, remote_, receipt_of(done->token, done->packet_id), done->reason, now);
  }
}

void Relay::clear() {
  out_.lowered.clear();
  in_.lowered.clear();
  failed_ = false;
}

bool Relay::carry_properties(const mqtt::Publish& publish) {
  properties_.clear();
  if (options_.version != mqtt::Version::v5_0) return true;
  const std::uint32_t hops = hops_of(publish.properties) + 1;
  if (hops > hops_max) return false;
  forwarded_.clear();
  mqtt::forwarded_properties(publish.properties, forwarded_);
  write_with_hops(forwarded_.view(), hops, properties_);
  return true;
}

void Relay::cross_to_remote(const client::Message& message, Instant now) {
  const mqtt::Publish& publish = message.publish;
  const PacketId id = publish.packet_id;
  last_crossing_ = now;
  if (!carry_properties(publish)) {
    return not_taken(out_, local_, message.receipt, Accepted::packet_too_large, now);
  }
  if (!map_.to_remote(publish.topic, name_)) {
    return not_taken(out_, local_, message.receipt, Accepted::accepted, now);
  }
  const client::Terms& terms = remote_.terms();
  const Qos qos = std::min(publish.qos, terms.maximum_qos);
  const client::Publication publication = {
      .topic = name_,
      .payload = publish.payload,
      .properties = properties_.view(),
      .qos = qos,
      .retain = publish.retain && options_.retains && terms.retain_available,
      .message_expiry_interval_seconds = publish.message_expiry_interval_seconds,
      .packet_id = qos == Qos::at_most_once ? PacketId{0} : id,
      .dup = publish.dup};
  const Accepted accepted = is_too_large(publication)
                                ? Accepted::packet_too_large
                                : remote_.publish(publication, token_of(message.receipt), now);
  if (accepted != Accepted::accepted)
    return not_taken(out_, local_, message.receipt, accepted, now);
  ++figures_.sent;
  if (publish.qos == qos) return;
  if (publish.qos == Qos::exactly_once) out_.lowered.insert(id);
  if (qos == Qos::at_most_once) acknowledged(out_, local_, message.receipt, Reason::success, now);
}

void Relay::cross_to_local(const client::Message& message, Instant now) {
  const mqtt::Publish& publish = message.publish;
  const PacketId id = publish.packet_id;
  last_crossing_ = now;
  if (!carry_properties(publish)) {
    return not_taken(in_, remote_, message.receipt, Accepted::packet_too_large, now);
  }
  if (!map_.to_local(publish.topic, name_)) {
    return not_taken(in_, remote_, message.receipt, Accepted::accepted, now);
  }
  const client::Publication publication = {
      .topic = name_,
      .payload = publish.payload,
      .properties = properties_.view(),
      .qos = publish.qos,
      .retain = publish.retain && local_.terms().retain_available,
      .message_expiry_interval_seconds = publish.message_expiry_interval_seconds,
      .packet_id = id,
      .dup = publish.dup};
  const Accepted accepted = local_.publish(publication, token_of(message.receipt), now);
  if (accepted != Accepted::accepted)
    return not_taken(in_, remote_, message.receipt, accepted, now);
  ++figures_.received;
}

/// Beside the limit of the other broker, which the client knows.
bool Relay::is_too_large(const client::Publication& publication) const noexcept {
  if (options_.packet_bytes_max == 0) return false;
  const mqtt::OutgoingPublish packet = {
      .topic = publication.topic,
      .payload = publication.payload,
      .properties = publication.properties,
      .packet_id = publication.packet_id,
      .qos = publication.qos,
      .message_expiry_interval_seconds = publication.message_expiry_interval_seconds};
  return mqtt::encoded_size(packet, options_.version) > options_.packet_bytes_max;
}

/// A message that does not cross is done with where it comes from; one that could not cross now,
/// but may later, comes again on new connections.
void Relay::not_taken(Way& way, client::Client& from, const Receipt& receipt, Accepted why,
                      Instant now) {
  const bool wants_answer = receipt.packet_id != PacketId{0};
  const bool passing =
      why == Accepted::not_connected || why == Accepted::no_room || why == Accepted::id_in_use;
  if (passing && wants_answer) {
    failed_ = true;
    return;
  }
  if (why != Accepted::accepted) {
    ++figures_.dropped;
    if (log_.enabled(broker::LogType::debug)) {
      log_.write(broker::LogType::debug,
                 broker::concat({"Bridge ", options_.name, " drops a message on ", name_, "."}));
    }
  }
  if (!wants_answer) return;
  // Of QoS 2 no identifier is in use at the other end: a PUBREL for it goes no further.
  way.lowered.insert(receipt.packet_id);
  acknowledged(way, from, receipt, Reason::success, now);
}

void Relay::acknowledged(Way& way, client::Client& from, const Receipt& receipt, Reason reason,
                         Instant now) {
  if (receipt.number == 0) return;  // a notification of the bridge's own
  const bool is_over = receipt.answer != PacketType::pubrec;
  if (is_over && !way.lowered.empty()) way.lowered.erase(receipt.packet_id);
  from.acknowledge(receipt, reason, now);
}

void Relay::released(Way& way, client::Client& from, client::Client& to, const Receipt& receipt,
                     Instant now) {
  assert(receipt.answer == PacketType::pubcomp);
  // A server without QoS 2 knows no PUBREL.
  const bool goes_no_further =
      way.lowered.contains(receipt.packet_id) || to.terms().maximum_qos < Qos::exactly_once;
  if (goes_no_further) return acknowledged(way, from, receipt, Reason::success, now);
  to.release(receipt.packet_id, token_of(receipt), now);
}

}  // namespace bridge
