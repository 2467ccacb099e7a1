#include "broker/core/outbox.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

using broker::CloseHow;
using broker::ConnectionId;
using broker::MessageRef;
using broker::Outbox;
using broker::Output;

namespace {

using Written = std::vector<std::pair<ConnectionId, std::string>>;

Written drain(Outbox& outbox) {
  Written written;
  outbox.drain_output([&](ConnectionId connection, Output& output) {
    written.emplace_back(connection, std::string(mqtt::as_text(output.bytes.view())));
  });
  return written;
}

template <typename Request>
Request request_of(ConnectionId connection) {
  Request request;
  request.connection = connection;
  return request;
}

MessageRef some_message(const std::string& payload) {
  return MessageRef::copy_of(
      {"t", mqtt::as_bytes(payload), {}, mqtt::Qos::at_most_once, false, std::nullopt});
}

}  // namespace

TEST_CASE("output of one turn is gathered for each connection, in order of the first", "[outbox]") {
  Outbox outbox;
  CHECK(outbox.empty());
  outbox.output({7, 1}).bytes.append("one ");
  outbox.output({2, 9}).bytes.append("other");
  outbox.output({7, 1}).bytes.append("two");
  CHECK_FALSE(outbox.empty());
  CHECK(drain(outbox) == Written{{{7, 1}, "one two"}, {{2, 9}, "other"}});
  CHECK(outbox.empty());
  CHECK(drain(outbox).empty());
}

TEST_CASE("an output that is used again begins empty", "[outbox]") {
  Outbox outbox;
  Output& first = outbox.output({1, 1});
  first.bytes.append("old");
  const broker::MessageRef message = some_message("payload");
  outbox.splice(first, message->payload(), message);
  CHECK(first.size_bytes() == 10);
  (void)drain(outbox);
  const Output& second = outbox.output({2, 1});
  CHECK(second.size_bytes() == 0);
  CHECK(second.splices.empty());
  CHECK(second.bytes.capacity() > 0);  // memory is kept
}

TEST_CASE("an outbox that is full is not empty, whatever came of what was charged", "[outbox]") {
  // Messages that wait for a slow socket, or are dropped, are charged and leave nothing to write:
  // whoever drains only what is not empty must find out that there is room again.
  Outbox outbox;
  outbox.charge(std::size_t{40} << 20U);
  CHECK(outbox.full());
  CHECK_FALSE(outbox.empty());
  CHECK(drain(outbox).empty());
  CHECK_FALSE(outbox.full());
  CHECK(outbox.empty());
}

TEST_CASE("large buffers are given back, and so are those of a great many connections",
          "[outbox]") {
  Outbox outbox;
  (void)outbox.output({0, 1}).bytes.extend(2'000'000);
  (void)drain(outbox);
  CHECK(outbox.output({0, 1}).bytes.capacity() <= 1'048'576);
  (void)drain(outbox);

  constexpr std::uint32_t many = 1000;
  constexpr std::size_t each = 60'000;
  for (std::uint32_t i = 0; i < many; ++i) (void)outbox.output({i, 1}).bytes.extend(each);
  (void)drain(outbox);
  std::size_t kept_bytes = 0;
  for (std::uint32_t i = 0; i < many; ++i) kept_bytes += outbox.output({i, 1}).bytes.capacity();
  CHECK(kept_bytes <= 8U << 20U);
  CHECK(kept_bytes > 0);
}

TEST_CASE("memory that is not needed any more is given back", "[outbox]") {
  Outbox outbox;
  const auto use = [&](std::uint32_t connections) {
    for (std::uint32_t i = 0; i < connections; ++i) outbox.output({i, 1}).bytes.append("x");
    (void)drain(outbox);
  };
  const auto kept = [&] {
    std::size_t buffers = 0;
    for (std::uint32_t i = 0; i < 20; ++i) {
      buffers += outbox.output({i, 2}).bytes.capacity() > 0 ? 1U : 0U;
    }
    (void)drain(outbox);
    return buffers;
  };
  use(20);
  outbox.trim();  // all twenty were needed since the last one
  use(3);
  outbox.trim();  // seventeen were not
  CHECK(kept() == 3);
}

TEST_CASE("a payload without keeper is borrowed until the output is drained", "[outbox]") {
  Outbox outbox;
  const broker::MessageRef message = some_message("kept");
  Output& output = outbox.output({1, 1});
  outbox.splice(output, message->payload(), message);
  CHECK_FALSE(outbox.borrows());
  mqtt::ByteBuffer received;
  received.append("received");
  outbox.splice(output, received.view(), {});
  CHECK(outbox.borrows());
  CHECK(output.size_bytes() == 12);
  outbox.hold(std::move(received));
  outbox.drain_output([](ConnectionId, const Output& all) {
    CHECK(mqtt::as_text(all.splices.at(0).payload) == "kept");
    CHECK(mqtt::as_text(all.splices.at(1).payload) == "received");
  });
  CHECK_FALSE(outbox.borrows());
}

TEST_CASE("what is written may be moved out of the output", "[outbox]") {
  Outbox outbox;
  outbox.output({1, 1}).bytes.append("taken");
  mqtt::ByteBuffer taken;
  outbox.drain_output([&](ConnectionId, Output& output) { taken = std::move(output.bytes); });
  CHECK(mqtt::as_text(taken.view()) == "taken");
  CHECK(outbox.output({1, 1}).bytes.empty());
}

TEST_CASE("a slot that is used again in the same turn has an output of its own", "[outbox]") {
  Outbox outbox;
  outbox.output({3, 1}).bytes.append("farewell");
  outbox.request(broker::CloseRequest{{3, 1}, CloseHow::normal, {}});
  outbox.output({3, 2}).bytes.append("hello");
  outbox.output({3, 2}).bytes.append(" again");
  CHECK(drain(outbox) == Written{{{3, 1}, "farewell"}, {{3, 2}, "hello again"}});
  outbox.output({3, 2}).bytes.append("next");
  CHECK(drain(outbox) == Written{{{3, 2}, "next"}});
}

TEST_CASE("requests keep their order and are taken once", "[outbox]") {
  Outbox outbox;
  outbox.request(request_of<broker::LoginRequest>({1, 1}));
  outbox.request(request_of<broker::LoginRequest>({2, 1}));
  outbox.request(request_of<broker::HandoffRequest>({3, 1}));
  outbox.request(broker::CloseRequest{{4, 1}, CloseHow::policy, {}});
  outbox.request(broker::CloseRequest{{5, 1}, CloseHow::normal, {}});
  const auto logins = outbox.take_logins();
  REQUIRE(logins.size() == 2);
  CHECK(logins[1].connection == ConnectionId{2, 1});
  CHECK(outbox.take_handoffs().size() == 1);
  CHECK_FALSE(outbox.empty());
  const auto closes = outbox.take_closes();
  REQUIRE(closes.size() == 2);
  CHECK(closes[0].how == CloseHow::policy);
  CHECK(outbox.empty());
  CHECK(outbox.take_closes().empty());
}
