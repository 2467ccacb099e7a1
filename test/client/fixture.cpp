#include "test/client/fixture.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <utility>
#include <variant>

#include "broker/wire/ack.h"
#include "broker/wire/connect.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"
#include "test/packets.h"
#include "test/vectors/build.h"

namespace test {
namespace {

using mqtt::PacketType;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u8;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string hex(mqtt::Reason reason) {
  char text[4];
  std::snprintf(text, sizeof text, "%02X", static_cast<unsigned>(reason));
  return text;
}

template <typename Packet>
Packet good(const mqtt::Decoded<Packet>& packet) {
  if (!packet) FAIL(packet.error().what);
  return *packet;
}

std::string id_text(mqtt::PacketId id) { return " m" + number(static_cast<std::uint16_t>(id)); }

std::string describe_publish(const mqtt::Publish& publish, bool flags) {
  std::string said = "q" + number(static_cast<unsigned>(publish.qos));
  if (flags) said += publish.retain ? " r1" : " r0";
  if (flags) said += publish.dup ? " d1" : " d0";
  said += id_text(publish.packet_id) + " " + std::string(publish.topic);
  if (publish.topic_alias != 0) said += "~" + number(publish.topic_alias);
  return said + " " + std::string(mqtt::as_text(publish.payload));
}

std::string describe_connect(const mqtt::Connect& packet) {
  std::string said = "CONNECT " + std::string(packet.client_id);
  if (packet.clean_start) said += " clean";
  if (packet.from_bridge) said += " bridge";
  return said;
}

std::string describe_packet(const mqtt::Frame& frame, mqtt::Version version) {
  std::string said(mqtt::name_of(frame.type));
  switch (frame.type) {
    case PacketType::connect:
      return describe_connect(good(mqtt::decode_connect(frame.body, frame.flags)));
    case PacketType::publish:
      return said + " " + describe_publish(good(mqtt::decode_publish(frame, version)), true);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: {
      const auto ack = good(mqtt::decode_ack(frame, version));
      said += id_text(ack.packet_id);
      return ack.reason == mqtt::Reason::success ? said : said + " " + hex(ack.reason);
    }
    case PacketType::subscribe: {
      const auto subscribe = good(mqtt::decode_subscribe(frame, version));
      said += id_text(subscribe.packet_id);
      for (const auto& entry : subscribe.entries) said += " " + std::string(entry.filter);
      return said;
    }
    case PacketType::unsubscribe: {
      const auto unsubscribe = good(mqtt::decode_unsubscribe(frame, version));
      said += id_text(unsubscribe.packet_id);
      for (const auto filter : unsubscribe.filters) said += " " + std::string(filter);
      return said;
    }
    case PacketType::disconnect:
      return said + " " + hex(good(mqtt::decode_disconnect(frame, version)).reason);
    case PacketType::auth:
      return said + " " + hex(good(mqtt::decode_auth(frame)).reason);
    default:
      return said;
  }
}

std::string describe_end(const client::Disconnected& end) {
  static constexpr const char* names[] = {"asked", "closed",     "refused",    "sent away",
                                          "fault", "no CONNACK", "no PINGRESP"};
  std::string said = std::string("disconnected: ") + names[static_cast<unsigned>(end.cause)] + " " +
                     hex(end.reason);
  if (!end.what.empty()) said += ", " + std::string(end.what);
  if (!end.reason_string.empty()) said += " \"" + std::string(end.reason_string) + "\"";
  if (!end.server_reference.empty()) said += " at " + std::string(end.server_reference);
  return said;
}

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

std::vector<std::string> describe_sent(mqtt::Bytes stream, mqtt::Version version) {
  std::vector<std::string> packets;
  while (!stream.empty()) {
    const auto frame = good(mqtt::next_frame(stream, SIZE_MAX, version));
    REQUIRE(frame);
    packets.push_back(describe_packet(*frame, version));
    stream = stream.subspan(frame->size_bytes);
  }
  return packets;
}

std::string describe_event(const client::Event& event) {
  const auto token = [](client::Token value) { return number(static_cast<std::uint64_t>(value)); };
  return std::visit(
      Overloaded{
          [](const client::Open&) { return std::string("open"); },
          [](const client::Connected& said) {
            return std::string(said.session_lost               ? "connected, session lost"
                               : said.connack->session_present ? "connected to the session"
                                                               : "connected");
          },
          [](const client::Disconnected& said) { return describe_end(said); },
          [](const client::Message& said) {
            return "message " + describe_publish(said.publish, false);
          },
          [](const client::Received& said) { return "received" + id_text(said.packet_id); },
          [](const client::Released& said) { return "released" + id_text(said.receipt.packet_id); },
          [&](const client::Acknowledged& said) {
            return "acknowledged " + token(said.token) + " " + hex(said.reason);
          },
          [&](const client::Dropped& said) {
            return "dropped " + token(said.token) + " " + hex(said.reason);
          },
          [&](const client::Answered& said) {
            std::string all = "answered " + token(said.token);
            for (const mqtt::Reason reason : said.answer->reasons) all += " " + hex(reason);
            return all;
          },
          [](const client::Authentication& said) {
            return "authentication " + hex(said.auth->reason) + " " +
                   std::string(
                       mqtt::as_text(said.auth->authentication_data.value_or(mqtt::Bytes{})));
          },
          [](const client::Room&) { return std::string("room"); },
      },
      event);
}

void Talk::connect(std::string_view properties, bool session_present) {
  open();
  hear(connack(properties, session_present));
  REQUIRE(client.connected());
  sent();
  events();
}

void Talk::open() {
  client.opened(now);
  run();
}

void Talk::hear(std::string_view bytes) {
  if (pieces == Pieces::whole) return hear_piece(bytes);
  if (pieces == Pieces::halves) {
    hear_piece(bytes.substr(0, bytes.size() / 2));
    return hear_piece(bytes.substr(bytes.size() / 2));
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) hear_piece(bytes.substr(i, 1));
}

void Talk::hear_piece(std::string_view piece) {
  // A copy of just this size: reading past its end is seen by the address sanitizer, and so is a
  // view that outlives it.
  const std::vector<char> copy(piece.begin(), piece.end());
  client.feed(mqtt::as_bytes(std::string_view(copy.data(), copy.size())), now);
  run();
}

void Talk::run() {
  while (auto event = client.next(now)) {
    events_.push_back(describe_event(*event));
    if (const auto* message = std::get_if<client::Message>(&*event)) {
      if (message->publish.qos != mqtt::Qos::at_most_once) receipts.push_back(message->receipt);
    }
    if (const auto* released = std::get_if<client::Released>(&*event)) {
      receipts.push_back(released->receipt);
    }
  }
  sent_ += mqtt::as_text(client.output().view());
  client.output().clear();
}

void Talk::lose() {
  client.closed(now);
  run();
}

void Talk::pass_milliseconds(std::int64_t milliseconds) {
  const client::Instant end = broker::after_milliseconds(now, milliseconds);
  // Straight to each instant that the client asks for: it has to be the right one.
  for (auto wake = client.next_wake(); wake && *wake <= end; wake = client.next_wake()) {
    now = std::max(now, *wake);
    run();
    if (client.next_wake() == wake) break;
  }
  now = end;
  run();
}

client::Accepted Talk::publish(std::string_view topic, std::string_view payload, unsigned qos,
                               std::uint64_t token, unsigned packet_id) {
  const client::Accepted accepted =
      client.publish({.topic = topic,
                      .payload = mqtt::as_bytes(payload),
                      .qos = static_cast<mqtt::Qos>(qos),
                      .packet_id = mqtt::PacketId{static_cast<std::uint16_t>(packet_id)}},
                     client::Token{token}, now);
  run();
  return accepted;
}

void Talk::acknowledge(mqtt::Reason reason) {
  REQUIRE_FALSE(receipts.empty());
  client.acknowledge(receipts.front(), reason, now);
  receipts.erase(receipts.begin());
  run();
}

Talk::Strings Talk::sent() {
  const std::string taken = std::exchange(sent_, {});
  return describe_sent(mqtt::as_bytes(taken), version);
}

Talk::Strings Talk::events() { return std::exchange(events_, {}); }

std::string Talk::connack(std::string_view properties, bool session_present, unsigned code) const {
  const std::string head = u8(session_present ? 1 : 0) + u8(code);
  return packet(0x20, v5() ? head + block(properties) : head);
}

std::string Talk::message(std::string_view topic, std::string_view payload, unsigned qos,
                          unsigned packet_id, std::string_view properties, bool dup) const {
  return encoded(
      mqtt::OutgoingPublish{.topic = topic,
                            .payload = mqtt::as_bytes(payload),
                            .properties = mqtt::as_bytes(properties),
                            .packet_id = mqtt::PacketId{static_cast<std::uint16_t>(packet_id)},
                            .qos = static_cast<mqtt::Qos>(qos),
                            .dup = dup},
      version);
}

std::string Talk::ack(unsigned first_byte, unsigned packet_id, int reason) {
  const std::string body = u16(packet_id);
  return packet(first_byte, reason < 0 ? body : body + u8(static_cast<unsigned>(reason)));
}

}  // namespace test
