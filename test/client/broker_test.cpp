// The client against the very Shard of production: versions, QoS both ways, and connections that
// break at each byte.

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <variant>

#include "broker/client/client.h"
#include "test/broker/fixture.h"

using mqtt::Version;
using test::Broker;
using Strings = std::vector<std::string>;

namespace {

/// A client, and a connection to a broker that breaks after so many bytes.
class Link {
 public:
  Link(Broker& broker, client::Options options) : broker_(broker), client(std::move(options)) {}

  void connect() {
    connection_ = broker_.open();
    client.opened(broker_.now);
    pump();
  }
  /// Carries bytes until neither side has any.
  void pump() {
    for (bool more = true; more;) {
      more = take_events();
      more = client_speaks() || more;
      more = server_speaks() || more;
    }
  }
  void publish_rest() {
    while (!unpublished.empty() && client.has_room(unpublished.front().qos)) {
      const auto token = client::Token{static_cast<std::uint64_t>(unpublished.front().payload[0])};
      REQUIRE(client.publish(unpublished.front(), token, broker_.now) ==
              client::Accepted::accepted);
      unpublished.erase(unpublished.begin());
    }
  }
  void subscribe(std::string_view filter) {
    mqtt::Subscribe packet;
    packet.entries = {{.filter = filter, .qos = mqtt::Qos::exactly_once}};
    REQUIRE(client.subscribe(packet, {}, broker_.now) == client::Accepted::accepted);
    pump();
  }

  /// Connects again after a break. `restart`: in another process, with what was saved.
  void come_back(std::size_t bytes, const client::Options* restart = nullptr) {
    if (restart != nullptr) {
      const client::SavedSession saved = client.save(broker_.now);
      client = client::Client(*restart);
      client.restore(saved, broker_.now);
    }
    broken = false;
    bytes_left = bytes;
    connect();
  }

  std::size_t bytes_left = SIZE_MAX;  // until the connection breaks
  std::vector<client::Publication> unpublished;
  Strings received;                           // payloads
  std::map<std::uint64_t, int> acknowledged;  // by token
  bool broken = false;

 private:
  bool take_events() {
    bool any = false;
    for (auto event = client.next(broker_.now); event; event = client.next(broker_.now)) {
      any = true;
      if (const auto* message = std::get_if<client::Message>(&*event)) {
        received.emplace_back(mqtt::as_text(message->publish.payload));
        if (by_caller) client.acknowledge(message->receipt, {}, broker_.now);
      } else if (const auto* released = std::get_if<client::Released>(&*event)) {
        client.acknowledge(released->receipt, {}, broker_.now);
      } else if (const auto* done = std::get_if<client::Acknowledged>(&*event)) {
        CHECK(done->reason < mqtt::Reason::unspecified_error);
        ++acknowledged[static_cast<std::uint64_t>(done->token)];
      } else if (const auto* end = std::get_if<client::Disconnected>(&*event)) {
        CHECK(end->cause == client::Disconnected::Cause::closed);
      }
    }
    const std::size_t waiting = unpublished.size();
    publish_rest();
    return any || waiting != unpublished.size();
  }
  /// What of some bytes arrives before the connection breaks.
  std::string arriving(std::string_view bytes) {
    const std::size_t count = std::min(bytes.size(), bytes_left);
    if (bytes_left != SIZE_MAX) bytes_left -= count;
    return std::string(bytes.substr(0, count));
  }
  bool breaks() {
    if (bytes_left > 0 || broken) return false;
    broken = true;
    broker_.lose(connection_);
    broker_.take_bytes(connection_);
    client.closed(broker_.now);
    take_events();
    client.output().clear();
    return true;
  }
  bool client_speaks() {
    if (broken || client.output().empty()) return breaks();
    const std::string bytes = arriving(mqtt::as_text(client.output().view()));
    client.output().clear();
    broker_.send(connection_, bytes);
    breaks();
    return true;
  }
  bool server_speaks() {
    if (broken) return false;
    const std::string bytes = arriving(broker_.take_bytes(connection_));
    if (bytes.empty()) return false;
    client.feed(mqtt::as_bytes(std::string_view(bytes)), broker_.now);
    take_events();
    breaks();
    return true;
  }

  Broker& broker_;
  Broker::Client connection_ = 0;

 public:
  client::Client client;
  bool by_caller = false;
};

client::Options lasting(Version version, std::string id) {
  client::Options options;
  options.version = version;
  options.client_id = std::move(id);
  options.clean_start = false;
  options.session_expiry_interval_seconds = 0xFFFF'FFFF;
  options.topic_alias_in_max = 5;
  options.topic_alias_out_max = 5;
  options.receive_maximum = 4;
  options.inflight_max = 3;
  return options;
}

/// What six messages become: QoS 1 twice where an answer was lost, QoS 2 once, each kind in order.
void check_once(const Strings& received, bool broke) {
  Strings twice;
  Strings once;
  for (const std::string& payload : received) {
    Strings& kind = payload.ends_with("two") ? twice : once;
    if (std::ranges::find(kind, payload) == kind.end() || &kind == &twice || !broke) {
      kind.push_back(payload);
    }
  }
  CHECK(once == Strings{"A-one", "C-one", "E-one"});
  CHECK(twice == Strings{"B-two", "D-two", "F-two"});
}

const Strings payloads = {"A-one", "B-two", "C-one", "D-two", "E-one", "F-two"};

std::vector<client::Publication> publications() {
  std::vector<client::Publication> all;
  for (const std::string& payload : payloads) {
    all.push_back(
        {.topic = "some/topic",
         .payload = mqtt::as_bytes(std::string_view(payload)),
         .qos = payload.ends_with("two") ? mqtt::Qos::exactly_once : mqtt::Qos::at_least_once});
  }
  return all;
}

}  // namespace

TEST_CASE("publications arrive, wherever the connection breaks: QoS 2 once", "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  for (std::size_t cut = 1, cuts = 1; cuts > 0; ++cut) {
    CAPTURE(static_cast<int>(version), cut);
    Broker broker;
    const auto observer = broker.client("observer", test::lasting());
    broker.subscribe(observer, "#", {.qos = 2});
    broker.received(observer);
    Link link(broker, lasting(version, "bridge"));
    link.unpublished = publications();
    link.bytes_left = cut;
    link.connect();
    cuts = link.broken ? 1 : 0;
    if (link.broken) link.come_back(SIZE_MAX);
    check_once(broker.take_all(observer), cuts > 0);
    CHECK(link.client.in_flight() == 0);
    CHECK(link.acknowledged.size() == payloads.size());
    for (const auto& [token, count] : link.acknowledged) CHECK(count == 1);
  }
}

TEST_CASE("messages are received, wherever the connection breaks: QoS 2 once", "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  const bool by_caller = GENERATE(true, false);
  for (std::size_t cut = 1, cuts = 1; cuts > 0; ++cut) {
    CAPTURE(static_cast<int>(version), by_caller, cut);
    Broker broker;
    client::Options options = lasting(version, "bridge");
    if (by_caller) options.acknowledge = client::Acknowledge::by_caller;
    Link link(broker, options);
    link.by_caller = by_caller;
    link.connect();
    link.subscribe("some/#");
    Link publisher(broker, lasting(Version::v5_0, "publisher"));
    publisher.unpublished = publications();
    publisher.connect();
    link.bytes_left = cut;
    link.pump();
    cuts = link.broken ? 1 : 0;
    if (link.broken) link.come_back(SIZE_MAX);
    check_once(link.received, cuts > 0);
  }
}

TEST_CASE("a client that is restored after each byte goes on where it was", "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  for (std::size_t cut = 1, cuts = 1; cuts > 0; ++cut) {
    CAPTURE(static_cast<int>(version), cut);
    Broker broker;
    const auto observer = broker.client("observer", test::lasting());
    broker.subscribe(observer, "#", {.qos = 2});
    broker.received(observer);
    Link before(broker, lasting(version, "bridge"));
    before.unpublished = publications();
    before.bytes_left = cut;
    before.connect();
    cuts = before.broken ? 1 : 0;
    Link after(broker, lasting(version, "bridge"));
    after.unpublished = before.unpublished;
    after.client.restore(before.client.save(broker.now), broker.now);
    if (before.broken) after.connect();
    check_once(broker.take_all(observer), cuts > 0);
    for (const auto& [token, count] : after.acknowledged) CHECK(before.acknowledged[token] == 0);
  }
}

TEST_CASE("both ends break again and again, and begin anew: QoS 2 once, nothing is lost",
          "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(static_cast<int>(version), seed);
    std::minstd_rand random(seed);
    const auto below = [&](unsigned limit) {
      return static_cast<unsigned>(random() >> 4U) % limit;
    };
    Broker broker;
    const client::Options subscribes = lasting(version, "subscriber");
    const client::Options publishes = lasting(version, "publisher");
    Link subscriber(broker, subscribes);
    subscriber.connect();
    subscriber.subscribe("some/#");
    subscriber.bytes_left = 1 + below(100);
    Link publisher(broker, publishes);
    publisher.unpublished = publications();
    publisher.bytes_left = 1 + below(200);
    publisher.connect();
    subscriber.pump();
    for (unsigned breaks = 0; subscriber.broken || publisher.broken; ++breaks) {
      const bool last = breaks > 12;
      if (subscriber.broken) {
        subscriber.come_back(last ? SIZE_MAX : 1 + below(150),
                             below(2) == 0 ? &subscribes : nullptr);
      }
      if (publisher.broken) {
        publisher.come_back(last ? SIZE_MAX : 1 + below(200), below(2) == 0 ? &publishes : nullptr);
      }
      subscriber.pump();
    }
    check_once(subscriber.received, true);
    CHECK(publisher.acknowledged.size() == payloads.size());
    for (const auto& [token, count] : publisher.acknowledged) CHECK(count == 1);
  }
}

TEST_CASE("a bridge's bit, a will and a clean session reach the broker", "[client]") {
  Broker broker;
  client::Options options = lasting(Version::v3_1_1, "bridge");
  options.bridge = true;
  options.clean_start = true;
  options.will = client::WillOptions{.topic = "some/will", .payload = "gone"};
  Link link(broker, options);
  link.connect();
  link.subscribe("some/#");
  // Nothing of its own comes back to a bridge.
  link.unpublished = publications();
  link.pump();
  CHECK(link.received.empty());
  Link other(broker, lasting(Version::v5_0, "other"));
  other.connect();
  other.subscribe("some/will");
  link.bytes_left = 0;
  link.pump();
  other.pump();
  CHECK(other.received == Strings{"gone"});
}
