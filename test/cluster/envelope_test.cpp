#include "broker/cluster/envelope.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/bytes.h"
#include "test/vectors/build.h"

using broker::Instant;
using cluster::Envelope;
using namespace std::string_literals;

namespace {

constexpr Instant now{1'000'000};

std::string encoded(const Envelope& envelope, bool carries_topic) {
  mqtt::ByteBuffer out;
  cluster::encode(envelope, carries_topic, now, out);
  return std::string(mqtt::as_text(out.view()));
}

/// The fault, or the form in which the envelope is encoded again: views die with the bytes.
std::string again(std::string_view topic, std::string_view bytes) {
  const auto view = mqtt::as_bytes(bytes);
  const std::vector<std::byte> copy(view.begin(), view.end());
  const auto envelope = cluster::decode(topic, copy, now);
  if (!envelope) return "refused: " + std::string(envelope.error());
  return encoded(*envelope, topic.empty());
}

bool is_refused(std::string_view topic, std::string_view bytes) {
  return again(topic, bytes).starts_with("refused");
}

const std::string properties = vectors::u8(0x26) + vectors::text("key") + vectors::text("value");

Envelope full() {
  Envelope envelope;
  envelope.message = {.topic = "a/b",
                      .payload = mqtt::as_bytes("payload"),
                      .properties = mqtt::as_bytes(properties),
                      .qos = mqtt::Qos::exactly_once,
                      .retain = true,
                      .expires = broker::after_milliseconds(now, 5000)};
  envelope.sender =
      cluster::sender_of(cluster::incarnation_of(0x1122'3344'5566'7788), broker::ShardIndex{3});
  envelope.number = 0x0102'0304'0506'0708;
  return envelope;
}

}  // namespace

TEST_CASE("an envelope has the bytes that its header shows", "[cluster]") {
  Envelope envelope;
  envelope.message.topic = "not long";
  envelope.message.payload = mqtt::as_bytes("hi");
  envelope.message.qos = mqtt::Qos::at_least_once;
  envelope.sender = cluster::sender_of(cluster::incarnation_of(0x0A'0000), broker::ShardIndex{1});
  envelope.number = 7;
  CHECK(encoded(envelope, false) == "\x01\x01"s + "\x01\0\x0A\0\0\0\0\0"s + "\x07\0\0\0\0\0\0\0"s +
                                        "\0"s + "\0\0\0\0"s + "\0\0\0\0"s + "hi");
}

TEST_CASE("all of a message crosses, its topic by the subject or beside it", "[cluster]") {
  const bool carries_topic = GENERATE(false, true);
  const std::string bytes = encoded(full(), carries_topic);
  CHECK(bytes.size() <=
        cluster::envelope_bytes_max + properties.size() + 7 + (carries_topic ? 3 : 0));
  const auto envelope = cluster::decode(carries_topic ? "" : "a/b", mqtt::as_bytes(bytes), now);
  REQUIRE(envelope);
  const broker::MessageView& message = envelope->message;
  CHECK(message.topic == "a/b");
  CHECK(mqtt::as_text(message.payload) == "payload");
  CHECK(mqtt::as_text(message.properties) == properties);
  CHECK(message.qos == mqtt::Qos::exactly_once);
  CHECK(message.retain);
  CHECK(message.expires == broker::after_milliseconds(now, 5000));
  CHECK(envelope->sender == full().sender);
  CHECK(envelope->number == full().number);
}

TEST_CASE("each flag crosses by itself", "[cluster]") {
  for (const auto qos :
       {mqtt::Qos::at_most_once, mqtt::Qos::at_least_once, mqtt::Qos::exactly_once}) {
    for (const bool retain : {false, true}) {
      Envelope envelope = full();
      envelope.message.qos = qos;
      envelope.message.retain = retain;
      const std::string bytes = encoded(envelope, false);
      const auto back = cluster::decode("a/b", mqtt::as_bytes(bytes), now);
      REQUIRE(back);
      CHECK(back->message.qos == qos);
      CHECK(back->message.retain == retain);
    }
  }
}

TEST_CASE("every byte of flags is taken as it is written, or refused", "[cluster]") {
  const std::string bytes = encoded(full(), false);
  for (unsigned flags = 0; flags < 256; ++flags) {
    std::string changed = bytes;
    changed[1] = static_cast<char>(flags);
    CAPTURE(flags);
    CHECK(is_refused("a/b", changed) == (flags > 7 || (flags & 3U) == 3));
    if (!is_refused("a/b", changed)) CHECK(again("a/b", changed) == changed);
  }
}

TEST_CASE("an envelope cut anywhere before its payload is refused", "[cluster]") {
  const bool carries_topic = GENERATE(false, true);
  const std::string_view topic = carries_topic ? "" : "a/b";
  const std::string bytes = encoded(full(), carries_topic);
  const std::size_t front = bytes.size() - full().message.payload.size();
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    const std::string part = bytes.substr(0, size);
    CHECK(is_refused(topic, part) == (size < front));
    if (size >= front) CHECK(again(topic, part) == part);
  }
}

TEST_CASE("an expiry that is over crosses as no time left", "[cluster]") {
  Envelope envelope = full();
  envelope.message.expires = Instant{now.milliseconds - 1};
  const std::string bytes = encoded(envelope, false);
  const auto back = cluster::decode("a/b", mqtt::as_bytes(bytes), now);
  REQUIRE(back);
  CHECK(back->message.expires == now);
}

TEST_CASE("envelopes that no node makes are refused, with the fault", "[cluster]") {
  const std::string bytes = encoded(full(), false);
  const std::string long_bytes = encoded(full(), true);
  const auto changed = [&](std::size_t place, char byte) {
    std::string copy = bytes;
    copy[place] = byte;
    return copy;
  };
  CHECK(again("a/b", changed(0, 2)) == "refused: another version");
  CHECK(again("a/b", "") == "refused: fields do not fit");
  CHECK(again("", bytes) == "refused: topic in the wrong place");
  CHECK(again("a/b", long_bytes) == "refused: topic in the wrong place");
  CHECK(is_refused("a/+", bytes));
  CHECK(is_refused("a\xFF", bytes));
  CHECK(is_refused(std::string(65'536, 'x'), bytes));
  CHECK(again("$SYS/broker/uptime", bytes) == "refused: topic of each node's own");
  CHECK(again("$SYS/broker/connection/a/state", bytes) == "refused: topic of each node's own");
  CHECK(again("$share/g/a", bytes) == "refused: topic of each node's own");
  Envelope envelope = full();
  envelope.number = 0;
  CHECK(again("a/b", encoded(envelope, false)) == "refused: number 0");
  envelope = full();
  const std::string topic_alias = vectors::u8(0x23) + vectors::u16(1);
  envelope.message.properties = mqtt::as_bytes(topic_alias);
  CHECK(is_refused("a/b", encoded(envelope, false)));
  envelope = full();
  envelope.message.topic = "a/#";
  CHECK(is_refused("", encoded(envelope, true)));
}
