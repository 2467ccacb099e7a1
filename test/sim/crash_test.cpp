#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "test/broker/fixture.h"

// A broker that dies at any moment, with any part of what it wanted stored on disk, and begins
// again, perhaps with other shards. Clients do what the specification asks of them: send again what
// was not acknowledged, and only that. The oracle outside keeps the account.

namespace {

using test::Broker;
using test::lasting;
using test::MemoryStore;
using Payloads = std::vector<std::string>;

unsigned id_of(const std::string& packet) {
  return static_cast<unsigned>(std::stoul(packet.substr(packet.find(" m") + 2)));
}

/// "PUBLISH q2 r0 d0 m1 a/x 2.17": what was published.
std::string payload_of(const std::string& packet) { return packet.substr(packet.rfind(' ') + 1); }
bool is_retained(const std::string& packet) { return packet.find(" r1 ") != std::string::npos; }
/// Payloads begin with their QoS.
bool exactly_once(const std::string& payload) { return payload[0] == '2'; }

bool matches(const std::string& filter, const std::string& topic) {
  return filter == topic || filter == topic.substr(0, topic.find('/')) + "/#";
}

Payloads of_qos(const Payloads& all, bool twice) {
  Payloads some;
  std::ranges::copy_if(all, std::back_inserter(some),
                       [&](const std::string& one) { return exactly_once(one) == twice; });
  return some;
}

/// Each once, where it stood first.
Payloads without_repeats(const Payloads& all) {
  Payloads some;
  std::set<std::string> known;
  for (const std::string& one : all) {
    if (known.insert(one).second) some.push_back(one);
  }
  return some;
}

/// A client that receives, and the account of what it has to.
struct Subscriber {
  std::string id{};
  Broker::Client connection = 0;
  bool online = false;
  std::set<std::string> filters{};  // acknowledged
  std::string asked{};              // filter of a SUBSCRIBE or UNSUBSCRIBE without answer
  bool asked_to_leave = false;
  bool begins_anew = false;  // until CONNACK says that it did
  Payloads expected{};
  std::set<std::string> maybe{};  // may come, or not: published while the answer was due
  Payloads seen{};
  std::set<unsigned> open{};  // QoS 2 identifiers between PUBREC and PUBREL
};

/// A message of a publisher, until its last acknowledgement.
struct Sending {
  unsigned id = 0;
  unsigned qos = 0;
  std::string topic{};
  std::string payload{};  // empty: what is retained goes
  bool retain = false;
  bool received = false;  // PUBREC came
};

struct Publisher {
  std::string id{};
  std::string root{};  // of its topics
  Broker::Client connection = 0;
  bool online = false;
  unsigned next_id = 1;
  std::deque<Sending> sending{};
};

/// A client that leaves a will with each connection and never says goodbye.
struct Willing {
  Broker::Client connection = 0;
  bool online = false;
  bool accepted = false;
  int count = 0;
  std::set<std::string> due{};    // was accepted, and lost
  std::set<std::string> maybe{};  // was not accepted as far as the client knows
};

class Torture {
 public:
  /// Another number of shards after each crash.
  static constexpr std::uint32_t any_shards = 0;

  Torture(std::uint32_t shards, unsigned seed) : random_(seed), shards_(shards) {
    for (int i = 0; i < 5; ++i) subscribers_.push_back({.id = "client" + std::to_string(i)});
    for (int i = 0; i < 3; ++i) members_.push_back({.id = "member" + std::to_string(i)});
    publishers_ = {{.id = "first", .root = "a"}, {.id = "second", .root = "b"}};
    watcher_.id = "watcher";
    watcher_.asked = "w/#";
    start();
    broker_->disk_stalls = false;
    for (int i = 0; i < 4; ++i) {
      come_back();
      exchange();
    }
    broker_->disk_stalls = true;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    broker_->disk_stalls = false;
    broker_->apart = false;
    broker_->settle();
    broker_->renew_all();
    for (int i = 0; i < 300; ++i) {
      broker_->sync();
      come_back();
      exchange();
    }
    broker_->pass_milliseconds(200);
    exchange();
  }

  void check() {
    for (const Publisher& publisher : publishers_) CHECK(publisher.sending.empty());
    for (const Subscriber& subscriber : subscribers_) check(subscriber);
    check_group();
    check_wills();
    check_retained();
    CHECK(crashes_ > 0);
    CHECK(store_.faults() == std::vector<std::string>{});
    CHECK(store_.deliveries() == 0);
    CHECK(store_.forwards() == 0);
  }

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }
  template <typename T>
  T& any(std::vector<T>& all) {
    return all[pick(all.size())];
  }

  static void check_once(const Payloads& seen) {
    std::set<std::string> once;
    for (const std::string& payload : seen) {
      if (exactly_once(payload) && !once.insert(payload).second) FAIL("twice: " + payload);
    }
  }

  /// Everything that was certain came, in order for each publisher and QoS.
  void check(const Subscriber& subscriber) const {
    CAPTURE(subscriber.id);
    check_once(subscriber.seen);
    for (const Publisher& publisher : publishers_) {
      for (const bool twice : {false, true}) {
        CAPTURE(publisher.id, twice);
        const auto mine = [&](const Payloads& all) {
          Payloads some = of_qos(all, twice);
          std::erase_if(some, [&](const std::string& one) { return one[1] != publisher.root[0]; });
          return some;
        };
        const Payloads expected = mine(subscriber.expected);
        Payloads certain = without_repeats(mine(subscriber.seen));
        std::erase_if(certain, [&](const std::string& one) {
          return subscriber.maybe.contains(one) &&
                 std::ranges::find(expected, one) == expected.end();
        });
        CHECK(certain == expected);
      }
    }
  }

  /// One member got it.
  void check_group() const {
    Payloads all;
    for (const Subscriber& member : members_) {
      all.insert(all.end(), member.seen.begin(), member.seen.end());
    }
    check_once(all);
    std::set<std::string> seen(all.begin(), all.end());
    for (const std::string& payload : group_expected_) {
      if (!seen.contains(payload) && !group_maybe_.contains(payload)) {
        FAIL_CHECK("no member got " + payload);
      }
      seen.erase(payload);
    }
    for (const std::string& payload : group_maybe_) seen.erase(payload);
    CHECK(seen.empty());
  }

  void check_wills() const {
    check_once(watcher_.seen);
    std::set<std::string> seen(watcher_.seen.begin(), watcher_.seen.end());
    for (const std::string& payload : willing_.due) {
      if (seen.erase(payload) == 0) FAIL_CHECK("a will did not come: " + payload);
    }
    for (const std::string& payload : willing_.maybe) seen.erase(payload);
    CHECK(seen.empty());
  }

  void check_retained() {
    const auto late = broker_->client("late");
    for (const char* const topic : overtaking_topics) {
      broker_->publish(late, topic, "", {.retain = true});
    }
    broker_->subscribe(late, "a/#");
    broker_->subscribe(late, "b/#");
    std::map<std::string, std::string> found;
    for (const std::string& packet : broker_->publishes(late)) {
      const std::size_t end = packet.rfind(' ');
      const std::size_t begin = packet.rfind(' ', end - 1) + 1;
      found[packet.substr(begin, end - begin)] = packet.substr(end + 1);
    }
    CHECK(found == retained_);
    CHECK(store_.retained() == retained_.size());
  }

  void start() {
    broker::Limits limits;
    limits.max_queued_messages = 0;
    limits.max_inflight_messages = 5;
    const auto shards = shards_ != any_shards ? shards_ : static_cast<std::uint32_t>(1 + pick(4));
    broker_ = std::make_unique<Broker>(shards, store_, limits);
    broker_->now = now_;
    broker_->disk_stalls = true;
    for (Publisher& publisher : publishers_) publisher.online = false;
    for (Subscriber* const subscriber : everybody()) subscriber->online = false;
    lose_willing();
    // No will is published in the first seconds: a client that is back by then may have none.
    if (pick(2) == 0) return broker_->pass_milliseconds(4000);
    const std::set<std::string> seen(watcher_.seen.begin(), watcher_.seen.end());
    for (const std::string& payload : willing_.due) {
      if (!seen.contains(payload)) willing_.maybe.insert(payload);
    }
    std::erase_if(willing_.due, [&](const std::string& one) { return !seen.contains(one); });
  }

  std::vector<Subscriber*> everybody() {
    std::vector<Subscriber*> all = {&watcher_};
    for (Subscriber& subscriber : subscribers_) all.push_back(&subscriber);
    for (Subscriber& member : members_) all.push_back(&member);
    return all;
  }

  void crash() {
    ++crashes_;
    // Some of what was on its way reached the disk, and nobody was told.
    if (pick(2) == 0) broker_->sync(pick(4));
    now_ = broker_->now;
    broker_.reset();
    start();
  }

  void step() {
    // Loops at paces of their own for some while, and then all at one.
    if (pick(8) == 0) broker_->apart = !broker_->apart;
    if (broker_->apart && pick(3) == 0) {
      broker_->end_turn(static_cast<std::uint32_t>(pick(broker_->shards())));
    }
    if (pick(60) == 0) broker_->renew_store();
    renew();
    switch (pick(14)) {
      case 0:
        return pick(4) == 0 ? crash() : come_back();
      case 1:
        return come_back();
      case 2:
      case 3:
        return ask(any(subscribers_));
      case 4:
      case 5:
        return broker_->sync(1 + pick(3));
      case 6:
        return lose(pick(3) == 0 ? any(members_) : any(subscribers_));
      case 7:
      case 8:
      case 9:
        return publish(any(publishers_));
      case 10:
        return pick(2) == 0 ? end_member() : part_with_will();
      default:
        return exchange();
    }
  }

  /// The store is lost now and then, and written anew in pieces; sometimes that fails, and begins
  /// again. After a crash meanwhile the old one is found: nothing was acknowledged since.
  void renew() {
    if (pick(80) == 0) broker_->begin_renewal();
    if (!broker_->renewing()) return;
    for (std::size_t pieces = pick(4); pieces > 0; --pieces) {
      broker_->renew(static_cast<std::uint32_t>(pick(broker_->shards())), 1 + pick(3));
    }
  }

  void come_back() {
    for (Publisher& publisher : publishers_) {
      if (publisher.online) continue;
      publisher.connection = arrive(publisher.id, lasting());
      publisher.online = true;
      for (const Sending& sending : publisher.sending) send(publisher, sending, true);
    }
    for (Subscriber* const subscriber : everybody()) {
      if (!subscriber->online) connect(*subscriber);
    }
    if (!willing_.online) connect_willing();
  }

  /// Nothing is read of a client on its way to the shard of its session.
  Broker::Client arrive(std::string_view id, const test::ConnectOptions& options) {
    const bool apart = std::exchange(broker_->apart, false);
    const Broker::Client client = broker_->client(id, options);
    broker_->apart = apart;
    return client;
  }

  void connect(Subscriber& subscriber) {
    auto options = lasting();
    options.clean = subscriber.begins_anew;
    if (subscriber.begins_anew) {
      subscriber.open.clear();
      doubt_group();
    }
    subscriber.connection = arrive(subscriber.id, options);
    subscriber.online = true;
    if (!subscriber.asked.empty()) return send_request(subscriber);
    if (subscriber.begins_anew || (is_member(subscriber) && subscriber.filters.empty())) {
      broker_->subscribe(subscriber.connection, group_filter, {.qos = 2});
    }
  }

  bool is_member(const Subscriber& subscriber) const { return subscriber.id.starts_with("member"); }

  void lose(Subscriber& subscriber) {
    if (!subscriber.online || pick(3) != 0) return;
    broker_->lose(subscriber.connection);
    subscriber.online = false;
  }

  /// A member of the group begins anew. The first one stays, so that the group does.
  void end_member() {
    Subscriber& member = members_[1 + pick(2)];
    if (pick(3) != 0) return;
    if (member.online) broker_->lose(member.connection);
    member.online = false;
    member.begins_anew = true;
  }

  /// What a member that begins anew had not acknowledged goes to others, except QoS 2 that it may
  /// have been sent.
  void doubt_group() {
    std::set<std::string> seen;
    for (const Subscriber& one : members_) seen.insert(one.seen.begin(), one.seen.end());
    for (const std::string& payload : group_expected_) {
      if (exactly_once(payload) && !seen.contains(payload)) group_maybe_.insert(payload);
    }
  }

  void connect_willing() {
    auto options = lasting();
    options.will_topic = "w/x";
    options.will_payload = "2w" + std::to_string(++willing_.count);
    options.will_qos = 2;
    willing_.connection = arrive("willing", options);
    willing_.online = true;
    willing_.accepted = false;
  }

  void part_with_will() {
    if (!willing_.online || pick(2) == 0) return;
    hear_willing();
    broker_->lose(willing_.connection);
    lose_willing();
  }

  void lose_willing() {
    if (!std::exchange(willing_.online, false)) return;
    (willing_.accepted ? willing_.due : willing_.maybe)
        .insert("2w" + std::to_string(willing_.count));
  }

  void hear_willing() {
    if (!willing_.online) return;
    for (const std::string& packet : broker_->received(willing_.connection)) {
      if (packet.starts_with("CONNACK")) willing_.accepted = true;
    }
  }

  void ask(Subscriber& subscriber) {
    static const Payloads filters = {"a/#", "b/#", "a/x", "b/y"};
    if (!subscriber.online || !subscriber.asked.empty()) return;
    subscriber.asked = filters[pick(filters.size())];
    subscriber.asked_to_leave = subscriber.filters.contains(subscriber.asked);
    // What a publisher will send again may find the subscription or not.
    for (const Publisher& publisher : publishers_) {
      for (const Sending& sending : publisher.sending) doubt(subscriber, sending);
    }
    send_request(subscriber);
  }

  void send_request(Subscriber& subscriber) {
    if (subscriber.asked_to_leave) {
      broker_->unsubscribe(subscriber.connection, subscriber.asked);
    } else {
      broker_->subscribe(subscriber.connection, subscriber.asked, {.qos = 2});
    }
  }

  void doubt(Subscriber& subscriber, const Sending& sending) {
    if (!matches(subscriber.asked, sending.topic)) return;
    const bool certain = std::ranges::any_of(subscriber.filters, [&](const std::string& filter) {
      return filter != subscriber.asked && matches(filter, sending.topic);
    });
    if (certain) return;
    subscriber.maybe.insert(sending.payload);
    std::erase(subscriber.expected, sending.payload);
  }

  void publish(Publisher& publisher) {
    if (!publisher.online || publisher.sending.size() >= 5) return;
    Sending sending;
    sending.id = publisher.next_id;
    publisher.next_id = publisher.next_id % 1000 + 1;
    sending.topic = publisher.root + "/" + "xy"[pick(2)];
    sending.retain = pick(3) == 0;
    // QoS 1 that is sent again may follow QoS 2 that is not: what is retained has one of them.
    sending.qos =
        sending.retain ? (sending.topic[2] == 'x' ? 1 : 2) : 1 + static_cast<unsigned>(pick(2));
    const bool removes = sending.retain && pick(4) == 0;
    if (!removes) {
      sending.payload = std::to_string(sending.qos) + publisher.root + std::to_string(++published_);
      expect(sending);
    }
    if (sending.retain) retained_[sending.topic] = sending.payload;
    if (removes) retained_.erase(sending.topic);
    publisher.sending.push_back(sending);
    send(publisher, sending, false);
    overtake(publisher);
  }

  /// Says what waits for nobody on its way to other shards, and is in no account.
  void overtake(const Publisher& publisher) {
    if (pick(4) == 0) {
      broker_->publish(publisher.connection, overtaking_topics[pick(2)], "x", {.retain = true});
    }
    if (pick(4) == 0) {
      const auto shard = static_cast<std::uint32_t>(pick(broker_->shards()));
      broker_->shard(shard).publish_sys("$SYS/broker/uptime", "1 seconds", true, broker_->now);
    }
  }

  void expect(const Sending& sending) {
    for (Subscriber& subscriber : subscribers_) {
      const bool wanted = std::ranges::any_of(subscriber.filters, [&](const std::string& filter) {
        return matches(filter, sending.topic);
      });
      if (wanted) subscriber.expected.push_back(sending.payload);
      if (!subscriber.asked.empty()) doubt(subscriber, sending);
    }
    if (sending.topic[0] == 'a') group_expected_.push_back(sending.payload);
  }

  void send(const Publisher& publisher, const Sending& sending, bool again) {
    if (sending.received) {
      broker_->pubrel(publisher.connection, sending.id);
    } else {
      broker_->publish(
          publisher.connection, sending.topic, sending.payload,
          {.qos = sending.qos, .packet_id = sending.id, .retain = sending.retain, .dup = again});
    }
  }

  /// Everybody reads what came and answers.
  void exchange() {
    for (Publisher& publisher : publishers_) {
      if (!publisher.online) continue;
      for (const std::string& packet : broker_->received(publisher.connection)) {
        reads(publisher, packet);
      }
    }
    for (Subscriber* const subscriber : everybody()) {
      if (!subscriber->online) continue;
      for (const std::string& packet : broker_->received(subscriber->connection)) {
        reads(*subscriber, packet);
      }
    }
    hear_willing();
  }

  void reads(Publisher& publisher, const std::string& packet) {
    if (packet.starts_with("PUBREC")) {
      const auto found = std::ranges::find(publisher.sending, id_of(packet), &Sending::id);
      if (found == publisher.sending.end()) return;
      found->received = true;
      broker_->pubrel(publisher.connection, found->id);
    } else if (packet.starts_with("PUBCOMP") || packet.starts_with("PUBACK")) {
      std::erase_if(publisher.sending, [&](const Sending& one) { return one.id == id_of(packet); });
    }
  }

  void reads(Subscriber& subscriber, const std::string& packet) {
    if (packet.starts_with("CONNACK")) {
      subscriber.begins_anew = false;
    } else if (packet.starts_with("PUBLISH q2")) {
      if (subscriber.open.insert(id_of(packet)).second) sees(subscriber, packet);
      broker_->pubrec(subscriber.connection, id_of(packet));
    } else if (packet.starts_with("PUBLISH q1")) {
      sees(subscriber, packet);
      broker_->puback(subscriber.connection, id_of(packet));
    } else if (packet.starts_with("PUBREL")) {
      subscriber.open.erase(id_of(packet));
      broker_->pubcomp(subscriber.connection, id_of(packet));
    } else if (packet.starts_with("SUBACK") || packet.starts_with("UNSUBACK")) {
      answered(subscriber);
    }
  }

  static void sees(Subscriber& subscriber, const std::string& packet) {
    const std::string payload = payload_of(packet);
    if (payload.empty() || is_retained(packet)) return;
    subscriber.seen.push_back(payload);
  }

  void answered(Subscriber& subscriber) {
    if (is_member(subscriber)) {
      subscriber.filters.insert(group_filter);
      return;
    }
    if (subscriber.asked_to_leave) {
      subscriber.filters.erase(subscriber.asked);
    } else {
      subscriber.filters.insert(subscriber.asked);
    }
    subscriber.asked.clear();
  }

  static constexpr const char* group_filter = "$share/g/a/#";
  static constexpr std::array<const char*, 2> overtaking_topics = {"overtaking/x", "overtaking/y"};

  std::mt19937 random_;
  std::uint32_t shards_;
  MemoryStore store_;
  std::unique_ptr<Broker> broker_;
  broker::Instant now_{1'000'000};
  std::vector<Subscriber> subscribers_;
  std::vector<Subscriber> members_;
  Subscriber watcher_;
  Willing willing_;
  std::vector<Publisher> publishers_;
  Payloads group_expected_;
  std::set<std::string> group_maybe_;
  std::map<std::string, std::string> retained_;  // by topic
  int published_ = 0;
  int crashes_ = 0;
};

}  // namespace

TEST_CASE("nothing acknowledged is lost and QoS 2 arrives once, wherever the broker dies",
          "[sim]") {
  const auto shards = GENERATE(1U, 2U, 4U, Torture::any_shards);
  const auto seed = GENERATE(range(0U, 25U));
  CAPTURE(shards, seed);
  Torture torture(shards, seed);
  torture.run(800);
  torture.check();
}
