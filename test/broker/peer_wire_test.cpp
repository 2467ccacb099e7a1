#include "broker/peer_wire.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "test/vectors/build.h"
#include "test/vectors/peer_messages.h"

using broker::Instant;
using broker::next_peer_message;
using broker::PeerFault;
using broker::PeerMessage;
using vectors::PeerBytes;

namespace {

constexpr Instant now{1'000'000};
constexpr std::size_t any_size = SIZE_MAX;

/// A copy on the heap of just this size: reading past either end is an error that ASan sees.
std::vector<std::byte> exact_copy(mqtt::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::string encoded(const PeerMessage& message, Instant at = now) {
  mqtt::ByteBuffer out;
  encode(message, at, out);
  return std::string(mqtt::as_text(out.view()));
}

PeerMessage decoded(std::string_view bytes, Instant at = now) {
  const auto copy = exact_copy(mqtt::as_bytes(bytes));
  auto received = next_peer_message(copy, at, any_size);
  REQUIRE(received);
  REQUIRE(*received);
  REQUIRE((*received)->size_bytes == bytes.size());
  return std::move((*received)->message);
}

/// -1 for a message, -2 for one that is not whole.
int verdict_on(mqtt::Bytes bytes, std::size_t message_bytes_max = any_size) {
  const auto copy = exact_copy(bytes);
  const auto received = next_peer_message(copy, now, message_bytes_max);
  if (!received) {
    CHECK_FALSE(received.error().what.empty());
    return static_cast<int>(received.error().fault);
  }
  return *received ? -1 : -2;
}

template <typename Kind>
Kind as(PeerMessage message) {
  REQUIRE(std::holds_alternative<Kind>(message));
  return std::get<Kind>(std::move(message));
}

}  // namespace

TEST_CASE("every peer message of the table is accepted, or refused for the reason it says",
          "[peer_wire]") {
  for (const PeerBytes& message : vectors::peer_messages()) {
    CAPTURE(message.name);
    CHECK(verdict_on(message.view()) == (message.fault ? static_cast<int>(*message.fault) : -1));
  }
}

TEST_CASE("a peer message that is decoded is encoded as it was, byte for byte", "[peer_wire]") {
  std::set<broker::PeerKind> seen;
  for (const PeerBytes& message : vectors::peer_messages()) {
    if (!message.valid()) continue;
    CAPTURE(message.name);
    const PeerMessage once = decoded(message.bytes);
    CHECK(encoded(once) == message.bytes);
    seen.insert(kind_of(once));
  }
  CHECK(seen.size() == std::variant_size_v<PeerMessage> - 1);  // all but MetricsReport
}

TEST_CASE("a peer message that has not arrived whole is neither a message nor an error",
          "[peer_wire]") {
  for (const PeerBytes& message : vectors::peer_messages()) {
    if (!message.valid()) continue;
    CAPTURE(message.name);
    const std::size_t step = std::max<std::size_t>(1, message.bytes.size() / 500);
    bool silent = true;
    for (std::size_t size = 0; size < message.bytes.size(); size += step) {
      silent = silent && verdict_on(message.view().first(size)) == -2;
    }
    CHECK(silent);
  }
}

TEST_CASE("a peer message that is cut anywhere, and says so in its size, is refused",
          "[peer_wire]") {
  for (const PeerBytes& message : vectors::peer_messages()) {
    if (!message.valid()) continue;
    CAPTURE(message.name);
    const std::string content = message.bytes.substr(4);
    const std::size_t step = std::max<std::size_t>(1, content.size() / 500);
    bool refused = true;
    for (std::size_t size = 0; size < content.size(); size += step) {
      const std::string cut = vectors::long_text(content.substr(0, size));
      refused =
          refused && verdict_on(mqtt::as_bytes(cut)) == static_cast<int>(PeerFault::malformed);
    }
    CHECK(refused);
  }
}

TEST_CASE("the size of a peer message is refused before its bytes are there", "[peer_wire]") {
  const std::string large = vectors::le32(1000);
  CHECK(verdict_on(mqtt::as_bytes(large), 1003) == static_cast<int>(PeerFault::too_large));
  CHECK(verdict_on(mqtt::as_bytes(large), 1004) == -2);
}

TEST_CASE("peer messages stand in a stream one behind another", "[peer_wire]") {
  std::string stream;
  std::size_t count = 0;
  for (const PeerBytes& message : vectors::peer_messages()) {
    if (!message.valid()) continue;
    stream += message.bytes;
    ++count;
  }
  mqtt::Bytes rest = mqtt::as_bytes(stream);
  for (; !rest.empty(); --count) {
    const auto received = next_peer_message(rest, now, any_size);
    REQUIRE(received);
    REQUIRE(*received);
    rest = rest.subspan((*received)->size_bytes);
  }
  CHECK(count == 0);
}

TEST_CASE("a peer message says all that a shard told", "[peer_wire]") {
  const broker::SharedMessage shared = [] {
    broker::MessageView view;
    view.topic = "a/b";
    view.payload = mqtt::as_bytes("payload");
    view.qos = mqtt::Qos::exactly_once;
    view.retain = true;
    view.expires = after_milliseconds(now, 5000);
    auto made = broker::SharedMessage::copy_of(view);
    made.key = broker::MessageKey{77};
    return made;
  }();
  const broker::GroupDelivery told{.share_name = "group",
                                   .filter = "a/#",
                                   .session = broker::SessionIndex{3},
                                   .session_number = 1ULL << 40U,
                                   .message = shared,
                                   .qos = mqtt::Qos::at_least_once,
                                   .retain_as_published = true,
                                   .subscription_identifier = 5,
                                   .confirm = {.number = 9, .forward = {}, .depth = 2}};
  const auto got = as<broker::GroupDelivery>(decoded(encoded(told)));
  CHECK(got.share_name == told.share_name);
  CHECK(got.filter == told.filter);
  CHECK(got.session == told.session);
  CHECK(got.session_number == told.session_number);
  CHECK(got.message.view().topic == "a/b");
  CHECK(mqtt::as_text(got.message.view().payload) == "payload");
  CHECK(got.message.qos == mqtt::Qos::exactly_once);
  CHECK(got.message.retain);
  CHECK(got.message.expires == told.message.expires);
  CHECK(got.message.key == broker::MessageKey{77});
  CHECK(got.qos == told.qos);
  CHECK(got.retain_as_published);
  CHECK(got.subscription_identifier == 5);
  CHECK(got.confirm.number == 9);
  CHECK(got.confirm.depth == 2);
}

TEST_CASE("an expiry crosses between clocks as the time that is left", "[peer_wire]") {
  broker::MessageView view;
  view.topic = "a";
  view.expires = after_milliseconds(now, 5000);
  PeerMessage told = broker::PublishBatch();
  std::get<broker::PublishBatch>(told).append(view);
  const auto expiry_at = [](const std::string& bytes, Instant at) {
    std::optional<Instant> expires;
    as<broker::PublishBatch>(decoded(bytes, at)).for_each([&](const broker::MessageView& message) {
      expires = message.expires;
    });
    return expires;
  };
  const Instant elsewhere{-77};
  CHECK(expiry_at(encoded(told), elsewhere) == after_milliseconds(elsewhere, 5000));
  // Too late: nothing is left, and it is not brought back to life.
  CHECK(expiry_at(encoded(told, after_milliseconds(now, 6000)), elsewhere) == elsewhere);
}

TEST_CASE("figures cross between peers of one build", "[peer_wire]") {
  broker::Metrics metrics;
  metrics.bytes_received = 1ULL << 63U;
  metrics.unsent_bytes = 5;
  metrics.dropped[1] = 3;
  const broker::MetricsReport told{std::make_shared<const broker::Metrics>(metrics)};
  const auto got = as<broker::MetricsReport>(decoded(encoded(told)));
  REQUIRE(got.metrics);
  CHECK(got.metrics->bytes_received == 1ULL << 63U);
  CHECK(got.metrics->unsent_bytes == 5);
  CHECK(got.metrics->dropped[1] == 3);
  CHECK(encoded(got) == encoded(told));
}

TEST_CASE("the form of version 1 is this: a Confirmed, byte for byte", "[peer_wire]") {
  const broker::Confirmed confirmed{{.number = 7, .forward = {}, .depth = 1}};
  CHECK(encoded(confirmed) == std::string("\x13\0\0\0\x01\x08"
                                          "\x07\0\0\0\0\0\0\0"
                                          "\0\0\0\0\0\0\0\0"
                                          "\x01",
                                          23));
}
