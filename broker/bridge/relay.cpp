#include "broker/bridge/relay.h"

#include <algorithm>
#include <cassert>
#include <variant>

#include "broker/bridge/hops.h"
#include "broker/core/text.h"

namespace bridge {

using client::Accepted;
using client::Receipt;
using mqtt::PacketId;
using mqtt::Qos;
using mqtt::Reason;

namespace {

/// The name of a publication between the two clients: its packet identifier.
client::Token token_of(PacketId id) { return client::Token{static_cast<std::uint64_t>(id)}; }

}  // namespace

void Relay::take_remote(const client::Event& event, Instant now) {
  if (const auto* message = std::get_if<client::Message>(&event)) {
    cross_to_local(*message, now);
  } else if (const auto* release = std::get_if<client::Released>(&event)) {
    released(in_, remote_, local_, release->receipt, now);
  } else if (const auto* taken = std::get_if<client::Received>(&event)) {
    received(out_, local_, taken->packet_id, now);
  } else if (const auto* done = std::get_if<client::Acknowledged>(&event)) {
    acknowledged(out_, local_, *done, now);
  }
}

void Relay::take_local(const client::Event& event, Instant now) {
  if (const auto* message = std::get_if<client::Message>(&event)) {
    cross_to_remote(*message, now);
  } else if (const auto* release = std::get_if<client::Released>(&event)) {
    released(out_, local_, remote_, release->receipt, now);
  } else if (const auto* taken = std::get_if<client::Received>(&event)) {
    received(in_, remote_, taken->packet_id, now);
  } else if (const auto* done = std::get_if<client::Acknowledged>(&event)) {
    acknowledged(in_, remote_, *done, now);
  }
}

void Relay::clear() {
  out_.clear();
  in_.clear();
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
  if (publish.qos != Qos::at_most_once) out_.receipts[id] = message.receipt;
  last_crossing_ = now;
  if (!carry_properties(publish)) {
    return not_taken(out_, local_, id, Accepted::packet_too_large, now);
  }
  if (!map_.to_remote(publish.topic, name_)) {
    return not_taken(out_, local_, id, Accepted::accepted, now);
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
                                : remote_.publish(publication, token_of(id), now);
  if (accepted != Accepted::accepted) return not_taken(out_, local_, id, accepted, now);
  ++figures_.sent;
  if (publish.qos == qos) return;
  if (publish.qos == Qos::exactly_once) out_.lowered.insert(id);
  if (qos == Qos::at_most_once) acknowledged(out_, local_, {token_of(id), {}, {}}, now);
}

void Relay::cross_to_local(const client::Message& message, Instant now) {
  const mqtt::Publish& publish = message.publish;
  const PacketId id = publish.packet_id;
  if (publish.qos != Qos::at_most_once) in_.receipts[id] = message.receipt;
  last_crossing_ = now;
  if (!carry_properties(publish)) {
    return not_taken(in_, remote_, id, Accepted::packet_too_large, now);
  }
  if (!map_.to_local(publish.topic, name_)) {
    return not_taken(in_, remote_, id, Accepted::accepted, now);
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
  const Accepted accepted = local_.publish(publication, token_of(id), now);
  if (accepted != Accepted::accepted) return not_taken(in_, remote_, id, accepted, now);
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
void Relay::not_taken(Way& way, client::Client& from, PacketId id, Accepted why, Instant now) {
  const bool passing =
      why == Accepted::not_connected || why == Accepted::no_room || why == Accepted::id_in_use;
  if (passing && id != PacketId{0}) {
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
  if (id == PacketId{0}) return;
  // Of QoS 2 no identifier is in use at the other end: a PUBREL for it goes no further.
  way.lowered.insert(id);
  acknowledged(way, from, {token_of(id), {}, {}}, now);
}

void Relay::acknowledged(Way& way, client::Client& from, const client::Acknowledged& event,
                         Instant now) {
  const PacketId id{static_cast<std::uint16_t>(static_cast<std::uint64_t>(event.token))};
  const auto known = way.receipts.find(id);
  if (known == way.receipts.end()) return;  // a notification of the bridge's own
  const Receipt receipt = known->second;
  way.receipts.erase(known);
  if (receipt.answer != mqtt::PacketType::pubrec) way.lowered.erase(id);
  from.acknowledge(receipt, event.reason, now);
}

void Relay::received(Way& way, client::Client& from, PacketId id, Instant now) {
  acknowledged(way, from, {token_of(id), Reason::success, {}}, now);
}

void Relay::released(Way& way, client::Client& from, client::Client& to, const Receipt& receipt,
                     Instant now) {
  assert(receipt.answer == mqtt::PacketType::pubcomp);
  const PacketId id = receipt.packet_id;
  way.receipts[id] = receipt;
  // A server without QoS 2 knows no PUBREL.
  const bool goes_no_further =
      way.lowered.contains(id) || to.terms().maximum_qos < Qos::exactly_once;
  if (goes_no_further) return acknowledged(way, from, {token_of(id), {}, {}}, now);
  to.release(id, token_of(id), now);
}

}  // namespace bridge
