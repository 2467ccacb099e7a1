// test/packets.h
#pragma once

#include <string>
#include <string_view>

#include "broker/wire/ack.h"
#include "broker/wire/bytes.h"
#include "broker/wire/connack.h"
#include "broker/wire/connect.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/properties.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace test {

// Packets as bytes, by the codec of broker/wire. Bytes that no codec writes are made with
// vectors::packet(), in test/vectors/build.h.

namespace detail {

/// The bytes that `write` appends.
template <typename Write>
std::string written(Write&& write) {
  mqtt::ByteBuffer out;
  write(out);
  return std::string(mqtt::as_text(out.view()));
}

}  // namespace detail

/// CONNACK, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, and the packets that acknowledge these.
template <typename Packet>
std::string encoded(const Packet& packet, mqtt::Version version = mqtt::Version::v5_0) {
  return detail::written([&](mqtt::ByteBuffer& out) { encode(packet, version, out); });
}
inline std::string encoded(const mqtt::Connect& packet) {
  return detail::written([&](mqtt::ByteBuffer& out) { encode(packet, out); });
}
inline std::string encoded(const mqtt::Disconnect& packet,
                           mqtt::Version version = mqtt::Version::v5_0) {
  return detail::written(
      [&](mqtt::ByteBuffer& out) { encode(packet, version, mqtt::Side::client, out); });
}
inline std::string encoded(const mqtt::Auth& packet) {
  return detail::written([&](mqtt::ByteBuffer& out) { encode(packet, out); });
}
inline std::string pingreq() {
  return detail::written([](mqtt::ByteBuffer& out) { mqtt::encode_pingreq(out); });
}
inline std::string pingresp() {
  return detail::written([](mqtt::ByteBuffer& out) { mqtt::encode_pingresp(out); });
}
/// A normal disconnection.
inline std::string disconnect() { return encoded(mqtt::Disconnect{}); }
/// A PUBLISH of QoS 0.
inline std::string publish(std::string_view topic, std::string_view payload,
                           mqtt::Version version = mqtt::Version::v5_0) {
  return encoded(mqtt::OutgoingPublish{.topic = topic, .payload = mqtt::as_bytes(payload)},
                 version);
}
/// A SUBSCRIBE of 5.0 to one filter.
inline std::string subscribe(std::string_view filter, mqtt::PacketId packet_id) {
  return encoded(mqtt::Subscribe{.packet_id = packet_id, .entries = {{.filter = filter}}});
}

/// One property, as a part of a property block.
inline std::string property(mqtt::PropertyId id, auto value) {
  return detail::written([&](mqtt::ByteBuffer& out) { mqtt::write_property(out, id, value); });
}
inline std::string user_property(std::string_view name, std::string_view value) {
  return detail::written([&](mqtt::ByteBuffer& out) { write_user_property(out, name, value); });
}

}  // namespace test
