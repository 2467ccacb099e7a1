// The whole broker, without its sockets and its disk: one byte says what happens next. Clients of
// every version come and go, say sensible things and nonsense, mail between shards and batches for
// the disk wait as long as the story wants, and the process dies at any moment.

#include <optional>

#include "test/fuzz/input.h"
#include "test/fuzz/world.h"
#include "test/vectors/build.h"

namespace {

using fuzz::OutputReader;
using fuzz::World;
using mqtt::PacketType;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;
using vectors::varint;

constexpr std::string_view ids[] = {"a", "b", "c", "d", "e", ""};
constexpr std::string_view topics[] = {"t",      "t/a", "t/b",     "t/a/c", "u",
                                       "$SYS/x", "u/a", "t/a/c/d", "v",     "/"};
constexpr std::string_view filters[] = {
    "t",          "t/+",   "t/#",          "#",     "+/a",       "$share/g/t/#", "$share/g/t/a",
    "$share/h/+", "u",     "$SYS/#",       "t/a/#", "+",         "$share/g/u",   "v",
    "$share/g/#", "+/+/c", "bad/#/filter", "bad+",  "$share//t", "$share/g"};
constexpr Version versions[] = {Version::v5_0, Version::v3_1_1, Version::v5_0, Version::v3_1};
constexpr std::uint16_t sizes[] = {0, 1, 3, 20, 130, 600, 5000, 20'000};
constexpr std::int64_t times[] = {1, 100, 900, 1500, 5000, 30'000, 100'000, 86'400'000};

fuzz::Setting setting(fuzz::Input& input) {
  fuzz::Setting made;
  const unsigned bits = input.byte();
  made.shards = 1 + bits % 3U;
  made.durability = static_cast<broker::Durability>((bits >> 2U) % 3U);
  made.forbids = (bits & 64U) != 0;
  made.policy.open_to_all = (bits & 128U) != 0;
  const unsigned more = input.byte();
  broker::Limits& limits = made.limits;
  limits.sys_interval_seconds = (more & 1U) != 0 ? 10 : 0;
  limits.max_inflight_messages = (more & 2U) != 0 ? 2 : 20;
  limits.max_queued_messages = (more & 4U) != 0 ? 3 : 100;
  limits.max_queued_bytes = (more & 8U) != 0 ? 5000 : 0;
  limits.max_inflight_bytes = (more & 16U) != 0 ? 2000 : 0;
  limits.queue_qos0_messages = (more & 32U) != 0;
  limits.upgrade_outgoing_qos = (more & 64U) != 0;
  limits.allow_duplicate_messages = (more & 128U) != 0;
  const unsigned rest = input.byte();
  limits.persistent_client_expiration_seconds = (rest & 1U) != 0 ? 60 : -1;
  limits.message_size_limit_bytes = (rest & 4U) != 0 ? 500 : 0;
  limits.global_max_clients = (rest & 8U) != 0 ? 3 : -1;
  limits.max_keepalive_seconds = (rest & 16U) != 0 ? 20 : 0;
  if ((rest & 32U) != 0) made.policy.mount_point = "m/";
  made.policy.max_qos = (rest & 64U) != 0 ? mqtt::Qos::at_least_once : mqtt::Qos::exactly_once;
  limits.retain_available = (rest & 128U) == 0;
  return made;
}

class Story {
 public:
  explicit Story(fuzz::Input input) : input_(input), world_(setting(input_)) {}

  void run() {
    while (!input_.empty()) step();
    world_.feeds_bytes = false;
    world_.settle();
    world_.check();
    // Everybody answers what came, until nothing comes any more or it is clear that it works.
    for (int round = 0; round < 50; ++round) {
      for (World::Client& client : world_.clients) answer_all(client);
    }
    world_.settle();
    world_.check();
    world_.check_store();
  }

 private:
  World::Client& client() {
    current_ = input_.below(World::clients_max);
    return world_.clients[current_];
  }
  [[nodiscard]] Version version() const { return versions_[current_]; }
  [[nodiscard]] bool v5() const { return version() == Version::v5_0; }

  void step() {
    switch (input_.below(32)) {
      case 0:
      case 1:
        return open_and_connect();
      case 2:
        return connect(client());
      case 3:
      case 4:
      case 5:
        return subscribe(client());
      case 6:
        return unsubscribe(client());
      case 7:
      case 8:
      case 9:
      case 10:
        return publish(client());
      case 11:
      case 12:
        return answer_one(client());
      case 13:
        return answer_all(client());
      case 14:
        return acknowledge(client());
      case 15:
        return disconnect(client());
      case 16:
        return world_.lose(client(), static_cast<broker::CloseCause>(input_.below(3)));
      case 17:
        return raw(client());
      case 18:
      case 19:
        return pass();
      case 20: {
        World::Client& slow = client();
        return world_.writable(slow, std::size_t{input_.byte()} << (input_.byte() % 20U));
      }
      case 21:
      case 22:
        return world_.write(1 + input_.below(4), input_.flag());
      case 23:
        return world_.crash(1 + static_cast<std::uint32_t>(input_.below(3)));
      case 24:
        return decide();
      case 25:
      case 26:
        return world_.deliver(static_cast<std::uint32_t>(input_.below(world_.shards())));
      case 27:
        return world_.settle();
      case 28:
        return habits();
      case 29:
        return ping_or_auth(client());
      case 30:
        return world_.publish_sys("$SYS/broker/log", "line", input_.flag());
      default:
        return packet_of_any_kind(client());
    }
  }

  void habits() {
    const unsigned bits = input_.byte();
    world_.feeds_bytes = (bits & 1U) != 0;
    world_.writes_at_once = (bits & 2U) == 0;
    world_.decides_at_once = (bits & 4U) == 0;
    if ((bits & 0xF8U) == 0xF8U) world_.shut_down();
  }

  void pass() {
    const std::int64_t much = input_.pick(times);
    // A process that was stopped for a day sees one long step.
    world_.pass(much, much <= 5000 ? 100 : much);
  }

  void decide() {
    const auto reason = input_.below(3) == 0 ? mqtt::Reason::not_authorized : mqtt::Reason::success;
    world_.decide({reason, input_.flag() ? world_.permissions : nullptr});
  }

  void open_and_connect() {
    World::Client& opened = client();
    world_.open(opened, static_cast<std::uint32_t>(input_.below(world_.shards())));
    connect(opened);
  }

  // [MQTT-3.1.2-1] and on: a CONNECT that is well-formed, and may yet be refused.
  void connect(World::Client& client) {
    const std::string_view id = input_.pick(ids);
    const Version version = input_.pick(versions);
    const bool five = version == Version::v5_0;
    const unsigned bits = input_.byte();
    OutputReader::Terms terms{.version = version};
    std::string properties;
    if (five && (bits & 1U) != 0) properties += u8(0x11) + u32(lifetime());
    if (five && (bits & 2U) != 0) {
      terms.receive_maximum = static_cast<std::uint16_t>(1 + input_.below(3));
      properties += u8(0x21) + u16(terms.receive_maximum);
    }
    if (five && (bits & 4U) != 0) {
      terms.maximum_packet_size_bytes = 10U + input_.byte() * 4U;
      properties += u8(0x27) + u32(terms.maximum_packet_size_bytes);
    }
    if (five && (bits & 8U) != 0) {
      terms.topic_alias_maximum = static_cast<std::uint16_t>(input_.below(4));
      properties += u8(0x22) + u16(terms.topic_alias_maximum);
    }
    const bool will = (bits & 16U) != 0;
    const bool clean = (bits & 32U) != 0;
    const bool user = (bits & 64U) != 0;
    if (five && (bits & 128U) != 0) properties += u8(0x17) + u8(input_.byte() & 1U);
    const unsigned will_bits = will ? input_.byte() : 0;
    const unsigned flags = (clean ? 2U : 0U) | (user ? 0x80U : 0U) |
                           (will ? 4U | (will_bits % 3U) << 3U | (will_bits & 0x20U) : 0U);
    std::string body = text(version == Version::v3_1 ? "MQIsdp" : "MQTT") +
                       u8(static_cast<unsigned>(version)) + u8(flags) +
                       u16(input_.flag() ? input_.byte() : 0);
    if (five) body += block(properties);
    body += text(id);
    if (will) body += this->will(five, will_bits);
    if (user) body += text(input_.flag() ? "u0" : "u1");
    if (client.open && client.fresh) {
      client.output.announce(terms);
      versions_[current_] = version;
    } else if (client.open) {
      client.output.went_wild();
    }
    world_.send(client, packet(0x10, body));
  }

  std::uint32_t lifetime() {
    static constexpr std::uint32_t seconds[] = {0, 1, 10, 3600, 0xFFFF'FFFF};
    return input_.pick(seconds);
  }

  std::string will(bool five, unsigned bits) {
    std::string properties;
    if ((bits & 64U) != 0) properties += u8(0x18) + u32(lifetime());
    if ((bits & 128U) != 0) properties += u8(0x02) + u32(lifetime());
    return (five ? block(properties) : "") + text(input_.pick(topics)) + text("gone");
  }

  void subscribe(World::Client& client) {
    const std::uint16_t id = packet_id();
    const std::size_t count = 1 + input_.below(3);
    std::string body = u16(id);
    if (v5()) {
      const unsigned identifier = input_.byte() % 4U;
      body += block(identifier == 0 ? "" : u8(0x0B) + varint(identifier));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view filter = input_.pick(filters);
      const unsigned bits = input_.byte();
      unsigned options = bits % 3U;
      if (v5()) options |= (bits & 0x0CU) | ((bits >> 4U) % 3U) << 4U;
      if (filter.starts_with("$share")) options &= ~4U;
      body += text(filter) + u8(options);
    }
    client.output.asked(PacketType::suback, id, count);
    world_.send(client, packet(0x82, body));
  }

  void unsubscribe(World::Client& client) {
    const std::uint16_t id = packet_id();
    const std::size_t count = 1 + input_.below(2);
    std::string body = u16(id) + (v5() ? block("") : "");
    for (std::size_t i = 0; i < count; ++i) body += text(input_.pick(filters));
    client.output.asked(PacketType::unsuback, id, count);
    world_.send(client, packet(0xA2, body));
  }

  std::uint16_t packet_id() { return static_cast<std::uint16_t>(1 + input_.below(5)); }

  void publish(World::Client& client) {
    const unsigned bits = input_.byte();
    const unsigned qos = bits % 3U;
    const bool again = qos > 0 && (bits & 4U) != 0;
    std::string properties;
    std::string topic(input_.pick(topics));
    if (v5() && (bits & 8U) != 0) properties += u8(0x02) + u32(lifetime());
    if (v5() && (bits & 16U) != 0) {
      properties += u8(0x23) + u16(1U + input_.byte() % 11U);
      if (input_.flag()) topic.clear();
    }
    if (v5() && (bits & 32U) != 0) properties += u8(0x26) + text("name") + text("value");
    std::string body = text(topic);
    if (qos > 0) body += u16(packet_id());
    if (v5()) body += block(properties);
    body += std::string(input_.pick(sizes), 'x');
    const unsigned first = 0x30U | qos << 1U | (again ? 8U : 0U) | (bits >> 6U & 1U);
    world_.send(client, packet(first, body));
  }

  void answer(World::Client& client, const OutputReader::Due& due, unsigned reason) {
    const auto type = static_cast<unsigned>(due.answer);
    const bool says = v5() && reason != 0;
    if (due.answer != PacketType::pubrec || (says && reason >= 0x80)) {
      client.output.finished(due.packet_id);
    }
    world_.send(client, packet(type << 4U, u16(due.packet_id) + (says ? u8(reason) : "")));
  }

  void answer_one(World::Client& client) {
    auto& due = client.output.due;
    if (due.empty()) return;
    const auto place = due.begin() + static_cast<std::ptrdiff_t>(input_.below(due.size()));
    const OutputReader::Due one = *place;
    due.erase(place);
    const bool fails = one.answer != PacketType::pubcomp && input_.below(8) == 0;
    answer(client, one, fails ? 0x83 : 0);
  }

  void answer_all(World::Client& client) {
    current_ = static_cast<std::size_t>(&client - world_.clients.data());
    for (const OutputReader::Due& one : std::exchange(client.output.due, {})) {
      if (client.open) answer(client, one, 0);
    }
  }

  /// An acknowledgement that nobody waits for, or somebody does.
  void acknowledge(World::Client& client) {
    client.output.went_wild();
    const unsigned type = 4U + input_.byte() % 4U;
    world_.send(client, packet(type << 4U | (type == 6 ? 2U : 0U), u16(input_.byte() % 6U + 1U)));
  }

  void disconnect(World::Client& client) {
    if (!v5()) return world_.send(client, packet(0xE0, ""));
    const unsigned bits = input_.byte();
    const std::string properties = (bits & 2U) != 0 ? u8(0x11) + u32(lifetime()) : "";
    world_.send(client, packet(0xE0, u8((bits & 1U) != 0 ? 4 : 0) + block(properties)));
  }

  void raw(World::Client& client) {
    client.output.went_wild();
    world_.send(client, input_.take(1U + input_.byte() % 64U));
  }

  /// A packet of honest length, with anything in it.
  void packet_of_any_kind(World::Client& client) {
    client.output.went_wild();
    const unsigned first = input_.byte();
    world_.send(client, packet(first, input_.take(input_.byte() % 64U)));
  }

  void ping_or_auth(World::Client& client) {
    if (input_.flag()) return world_.send(client, packet(0xC0, ""));
    world_.send(client, packet(0xF0, u8(0x18) + block(u8(0x15) + text("method"))));
  }

  fuzz::Input input_;
  World world_;
  std::size_t current_ = 0;
  Version versions_[World::clients_max] = {};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Story({data, size}).run();
  return 0;
}
