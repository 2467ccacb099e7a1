#include "broker/session_wire.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "test/vectors/session_images.h"

namespace {

using broker::InFlight;
using broker::Instant;
using broker::SessionImage;

constexpr Instant now{1'000'000};

std::string encoded(const SessionImage& image, Instant at = now) {
  mqtt::ByteBuffer out;
  encode(image, at, out);
  return std::string(mqtt::as_text(out.view()));
}

auto decoded(std::string_view bytes, Instant at = now) {
  // A copy on the heap of just this size: reading past either end is an error that ASan sees.
  const auto view = mqtt::as_bytes(bytes);
  const std::vector<std::byte> copy(view.begin(), view.end());
  return broker::decode_session(copy, at);
}

/// Whether a session is refused after a change.
bool refused(const std::function<void(SessionImage&)>& change) {
  SessionImage image = *decoded(vectors::full_session());
  change(image);
  return !decoded(encoded(image));
}

}  // namespace

TEST_CASE("bytes that make a session are those that it makes", "[session_wire]") {
  for (const auto& [name, bytes] : vectors::session_images()) {
    CAPTURE(name);
    const auto image = decoded(bytes);
    REQUIRE(image);
    CHECK(encoded(*image) == bytes);
  }
}

TEST_CASE("each part of a session has its place in the bytes", "[session_wire]") {
  const SessionImage image = *decoded(vectors::full_session());
  CHECK(image.client_id == "client");
  CHECK(image.will->due == broker::after_milliseconds(now, 5'000));
  CHECK(image.subscriptions[0].filter == "t/+");
  CHECK(image.subscriptions[1].share_name == "share");
  REQUIRE(image.window.size() == 4);
  CHECK(image.window[1].state == InFlight::State::awaiting_pubrec);
  CHECK(image.window[2].state == InFlight::State::awaiting_pubcomp);
  CHECK_FALSE(image.window[2].delivery.message);
  CHECK(image.window[3].delivery.share_filter == "s/#");
  CHECK(image.backlog[1].number == 12);
  CHECK(image.next_number == 13);
  CHECK(mqtt::as_text(image.unsent[0].message->view().payload) == "late");
  CHECK(image.incoming_ids.size() == 2);
  CHECK(image.connected->promises.receive_maximum == 20);
  CHECK(image.connected->incoming_aliases[1] == "b");
  CHECK(image.connected->unread == "\xC0");
}

TEST_CASE("a session that is cut off, or followed by more, is refused", "[session_wire]") {
  const std::string bytes = vectors::full_session();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(decoded(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(decoded(bytes + "x"));
  std::string other = bytes;
  other[0] = 2;
  CHECK(decoded(other).error() == "another version");
}

TEST_CASE("a deadline crosses as the time that is left", "[session_wire]") {
  const SessionImage image = *decoded(vectors::full_session());
  const auto there = decoded(encoded(image, broker::after_milliseconds(now, 2'000)), Instant{50});
  CHECK(there->will->due == Instant{3'050});
}

TEST_CASE("a deadline further away than any expiry is refused", "[session_wire]") {
  std::string bytes = vectors::full_session();
  const std::string left("\x88\x13\0\0\0\0\0\0", 8);  // 5 s of the will
  const std::size_t at = bytes.find(left);
  REQUIRE(at != std::string::npos);
  // Added to the time of now it would be more than an Instant holds.
  bytes.replace(at, 8, std::string("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 8));
  CHECK(decoded(bytes).error() == "expiry is too far away");
}

TEST_CASE("a session that no shard could have is refused", "[session_wire]") {
  using State = InFlight::State;
  CHECK_FALSE(refused([](SessionImage&) {}));
  CHECK(refused([](SessionImage& one) { one.client_id.clear(); }));
  CHECK(refused([](SessionImage& one) { one.version = mqtt::Version{9}; }));
  CHECK(refused([](SessionImage& one) { one.connected.reset(); }));
  CHECK(refused([](SessionImage& one) { one.subscriptions[0].filter = "a/#/b"; }));
  CHECK(refused([](SessionImage& one) { one.subscriptions[1].share_name = "a/b"; }));
  CHECK(refused([](SessionImage& one) { one.subscriptions[1].no_local = true; }));
  CHECK(refused([](SessionImage& one) { one.window[0].state = State::awaiting_pubrec; }));
  CHECK(refused([](SessionImage& one) { one.window[0].state = State::free; }));
  CHECK(refused([](SessionImage& one) { one.window[0].delivery.message.reset(); }));
  CHECK(refused([](SessionImage& one) { one.window[0].delivery.number = 7; }));
  CHECK(refused([](SessionImage& one) { one.window[3].delivery.number = 5 + 65'535; }));
  CHECK(refused([](SessionImage& one) { one.backlog[0].number = 9; }));
  CHECK(refused([](SessionImage& one) { one.backlog[0].message.reset(); }));
  CHECK(refused([](SessionImage& one) { one.next_number = 12; }));
  CHECK(refused([](SessionImage& one) { one.unsent[0].qos = mqtt::Qos::at_least_once; }));
  CHECK(refused([](SessionImage& one) { one.incoming_ids[1] = one.incoming_ids[0]; }));
  CHECK(refused([](SessionImage& one) { one.connected->receive_maximum = 0; }));
  CHECK(refused([](SessionImage& one) { one.connected->outgoing_aliases.resize(6, "x"); }));
  CHECK(refused([](SessionImage& one) { one.connected->incoming_aliases[1] = "a/+"; }));
}
