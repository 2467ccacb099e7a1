#include "broker/core/publish_writer.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "test/core/sent.h"

using broker::Connection;
using broker::DropReason;
using broker::MessageRef;
using broker::Publication;
using broker::PublishWriter;
using broker::Terms;
using mqtt::PacketId;
using mqtt::Qos;
using Written = broker::PublishWriter::Written;

namespace {

constexpr broker::Instant now{1'000'000};

struct Client {
  explicit Client(std::uint32_t slot)
      : session(broker::SessionIndex{slot}, slot + 1, "c", queued), connection({slot, 1}, 0) {
    session.connection = &connection;
    connection.session = &session;
    connection.version = mqtt::Version::v5_0;
    connection.stage = Connection::Stage::connected;
  }

  broker::Queued queued;
  broker::Session session;
  Connection connection;
};

struct Scene {
  static Terms terms(Qos qos) {
    Terms made;
    made.qos = qos;
    return made;
  }
  std::string sent(const Client& client) { return test::take_sent(outbox, client.connection); }
  std::uint64_t dropped(DropReason reason) const {
    return metrics.dropped[static_cast<std::size_t>(reason)];
  }

  test::Silence log;
  broker::Metrics metrics;
  broker::Outbox outbox;
  broker::Holdings holdings{outbox, 1};
  broker::DropLog drops{metrics, log};
  PublishWriter writer{outbox, holdings, metrics, drops, log};
  Client one{0};
  Client other{1};
};

broker::MessageView view(std::string_view topic, std::string_view payload) {
  return {topic, mqtt::as_bytes(payload), {}, Qos::at_least_once, false, {}};
}

}  // namespace

TEST_CASE("a copy for the next receiver has an identifier of its own", "[publish_writer]") {
  const std::string payload(GENERATE(as<std::size_t>{}, 3U, PublishWriter::splice_bytes_min), 'x');
  Scene scene;
  Publication publication(view("t", payload), now, 2);
  const Terms terms = Scene::terms(Qos::at_least_once);
  CHECK(scene.writer.write(scene.one.connection, terms, {.id = PacketId{7}}, publication) ==
        Written::sent);
  CHECK(scene.writer.write(scene.other.connection, terms, {.id = PacketId{300}}, publication) ==
        Written::sent);
  const auto* const first = &scene.outbox.output(scene.one.connection.id);
  const std::string one = test::stream_of(*first);
  const std::string other = test::stream_of(scene.outbox.output(scene.other.connection.id));
  CHECK(one.size() == other.size());
  CHECK(broker::sum_over(scene.metrics.publish_sent) == 2);
  CHECK(broker::sum_over(scene.metrics.publish_bytes_sent) == 2 * payload.size());
  CHECK(scene.metrics.bytes_sent == 2 * one.size());
  const std::string shown = "t=" + payload.substr(0, 10);
  CHECK(scene.sent(scene.other) == shown + "/1#300 ");
}

TEST_CASE("a message counts for its receiver, however it is written", "[publish_writer]") {
  Scene scene;
  const auto rate_of = [](const Client& client) {
    return client.connection.message_rate.rates(broker::Instant{1000'000}).sent * 1000;
  };
  Publication publication(view("t", "1"), now, 2);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, publication);
  scene.writer.write(scene.other.connection, Scene::terms(Qos::at_most_once), {}, publication);
  scene.writer.write(scene.other.connection, Scene::terms(Qos::exactly_once),
                     {.id = PacketId{1}, .when = broker::SendRule::after_commit}, publication);
  CHECK(rate_of(scene.one) == Approx(1));
  CHECK(rate_of(scene.other) == Approx(2));
}

TEST_CASE("each kind of receiver gets a packet of its kind", "[publish_writer]") {
  Scene scene;
  scene.other.connection.version = mqtt::Version::v3_1_1;
  Publication publication(view("t", "1"), now, 2);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, publication);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::exactly_once), {.id = PacketId{2}},
                     publication);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, publication);
  CHECK(scene.sent(scene.one) == "t=1 t=1/2#2 t=1 ");
  Publication again(view("t", "1"), now, 2);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, again);
  scene.writer.write(scene.other.connection, Scene::terms(Qos::at_most_once), {}, again);
  CHECK(scene.sent(scene.other) == "t=1 ");
}

TEST_CASE("a client never gets a packet above its Maximum Packet Size [MQTT-3.1.2-25]",
          "[publish_writer]") {
  Scene scene;
  scene.other.connection.maximum_packet_size_bytes = 8;
  Publication publication(view("t", "12345"), now, 2);
  const Terms terms = Scene::terms(Qos::at_most_once);
  CHECK(scene.writer.write(scene.one.connection, terms, {}, publication) == Written::sent);
  CHECK(scene.writer.write(scene.other.connection, terms, {}, publication) == Written::dropped);
  CHECK(scene.dropped(DropReason::too_large) == 1);
  CHECK(scene.sent(scene.other).empty());
}

TEST_CASE("an expired message leaves only if it was sent before [MQTT-3.3.2-5]",
          "[publish_writer]") {
  Scene scene;
  broker::MessageView expired = view("t", "1");
  expired.expires = now;
  const MessageRef kept = MessageRef::copy_of(expired);
  const Terms terms = Scene::terms(Qos::at_least_once);
  CHECK(scene.writer.write_kept(scene.one.connection, kept, terms, {.id = PacketId{1}}, now) ==
        Written::dropped);
  CHECK(scene.writer.write_kept(scene.one.connection, kept, terms, {.id = PacketId{1}, .dup = true},
                                now) == Written::sent);
  CHECK(scene.dropped(DropReason::expired) == 1);
  CHECK(scene.sent(scene.one) == "t=1/1#1+ ");
}

TEST_CASE("a topic that was sent with an alias is left out, up to the client's maximum",
          "[publish_writer]") {
  Scene scene;
  scene.one.connection.topic_alias_maximum_out = 1;
  for (const char* const topic : {"a", "a", "b"}) {
    Publication publication(view(topic, "1"), now, 1);
    scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, publication);
  }
  CHECK(scene.sent(scene.one) == "a@1=1 @1=1 b=1 ");
}

TEST_CASE("a packet that waits for the disk is held, and counts as sent", "[publish_writer]") {
  Scene scene;
  Publication publication(view("t", "1"), now, 1);
  CHECK(scene.writer.write(scene.one.connection, Scene::terms(Qos::exactly_once),
                           {.id = PacketId{1}, .when = broker::SendRule::after_commit},
                           publication) == Written::sent);
  CHECK(scene.one.connection.congested);
  CHECK(broker::sum_over(scene.metrics.publish_sent) == 1);
  CHECK(scene.outbox.pending_bytes(scene.one.connection.id) == 0);
  REQUIRE(scene.one.connection.held);
  CHECK(scene.one.connection.held->packets == 1);
}

TEST_CASE("the mount point of a client is no part of the topics that it gets", "[publish_writer]") {
  Scene scene;
  scene.one.session.mount_point = broker::HeapText("home/");
  Publication publication(view("home/t", "1"), now, 1);
  scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {}, publication);
  CHECK(scene.sent(scene.one) == "t=1 ");
}

TEST_CASE("PUBREL is sent, and counts as an answer that the client may not read",
          "[publish_writer]") {
  Scene scene;
  scene.writer.write_ack(scene.one.session, mqtt::PacketType::pubrel, PacketId{9},
                         mqtt::Reason::success, broker::SendRule::after_held_publishes);
  CHECK(scene.one.connection.unread_reply_bytes == 4);
  CHECK(scene.metrics.messages_sent == 1);
  CHECK(broker::sum_over(scene.metrics.publish_sent) == 0);
  CHECK(scene.sent(scene.one) == "PUBREL#9 ");
}

TEST_CASE("the rest of an expiry interval is the nearest number of seconds", "[publish_writer]") {
  struct Case {
    std::int64_t left_milliseconds;
    char seconds;
  };
  // 5003 ms: the loop that received the message is 3 ms ahead of this one.
  const auto [left_milliseconds, seconds] =
      GENERATE(Case{5003, 5}, Case{5000, 5}, Case{4501, 5}, Case{4499, 4}, Case{1, 1});
  Scene scene;
  broker::MessageView message = view("t", "x");
  message.expires = broker::Instant{now.milliseconds + left_milliseconds};
  Publication publication(message, now, 1);
  CHECK(scene.writer.write(scene.one.connection, Scene::terms(Qos::at_most_once), {},
                           publication) == Written::sent);
  const std::string interval{"\x02\0\0\0", 4};  // property 2, and the three higher bytes
  const std::string sent = test::stream_of(scene.outbox.output(scene.one.connection.id));
  CHECK(sent.find(interval + seconds) != std::string::npos);
}
