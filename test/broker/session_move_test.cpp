// Sessions that move between processes while their clients send and receive: see SessionTransfer.

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "broker/session_wire.h"
#include "broker/shard_transfer.h"
#include "test/broker/fixture.h"

namespace {

using mqtt::PacketType;
using mqtt::Version;
using Lines = std::vector<std::string>;

/// Messages over a socket: [size:4][bytes]. Returns false at its end.
bool write_all(int socket, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string all(reinterpret_cast<const char*>(&size), sizeof size);
  all += text;
  for (std::size_t at = 0; at < all.size();) {
    const ssize_t written = ::write(socket, all.data() + at, all.size() - at);
    if (written <= 0) return false;
    at += static_cast<std::size_t>(written);
  }
  return true;
}

bool read_exactly(int socket, char* place, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t got = ::read(socket, place + at, size - at);
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  return true;
}

bool read_message(int socket, std::string& text) {
  std::uint32_t size = 0;
  if (!read_exactly(socket, reinterpret_cast<char*>(&size), sizeof size)) return false;
  text.resize(size);
  return read_exactly(socket, text.data(), size);
}

/// The part of the other process: a broker whose clients are named, and that does as it is told.
///
/// Shape      A command is [letter][name of the client '\n'][bytes]:
///              c  connects it; the bytes are [version][1: its session lasts]
///              s  bytes of the client
///              i  its session as bytes, or nothing if it is busy
///              a  a session of that client to go on with
///              r  the session is elsewhere: forget it
///            The answer of each but `i` is what all clients were sent, a line each:
///            "NAME PACKET". "!" in front tells of a fault.
class Served {
 public:
  Served(test::MemoryStore& store, const broker::Limits& limits, std::int64_t clock)
      : broker_(1, store, limits) {
    broker_.now = broker::Instant{clock};
  }

  std::string answer(const std::string& command) {
    const std::size_t end = command.find('\n');
    const std::string name = command.substr(1, end - 1);
    const std::string bytes = command.substr(end + 1);
    switch (command[0]) {
      case 'c':
        return connect(name, static_cast<Version>(bytes[0]), bytes[1] == '1');
      case 's':
        broker_.send(clients_[name], bytes);
        return output();
      case 'i':
        return image_of(name);
      case 'a':
        return adopt(name, bytes);
      case 'r':
        broker_.release(name);
        clients_.erase(name);
        return output();
      default:
        return "! unknown command";
    }
  }

 private:
  std::string connect(const std::string& name, Version version, bool lasting) {
    test::ConnectOptions options = lasting ? test::lasting() : test::ConnectOptions{};
    options.version = version;
    clients_[name] = broker_.client(name, options);
    return output();
  }
  std::string image_of(const std::string& name) {
    const auto image = broker_.shard(0).transfer().image(name);
    if (!image) return {};
    mqtt::ByteBuffer out;
    encode(*image, broker_.now, out);
    return std::string(mqtt::as_text(out.view()));
  }
  std::string adopt(const std::string& name, const std::string& bytes) {
    const auto image = broker::decode_session(mqtt::as_bytes(bytes), broker_.now);
    if (!image) return "! " + std::string(image.error());
    const auto client = broker_.adopt(*image);
    if (!client) return "! refused";
    clients_[name] = *client;
    return output();
  }
  std::string output() {
    std::string all;
    for (const auto& [name, client] : clients_) {
      for (const std::string& packet : broker_.received(client)) all += name + " " + packet + "\n";
      if (broker_.closed(client)) all += "! " + name + " was closed\n";
    }
    return all;
  }

  test::Broker broker_;
  std::map<std::string, test::Broker::Client> clients_;
};

/// Another process with a broker.
class BrokerProcess {
 public:
  BrokerProcess(const broker::Limits& limits, std::int64_t clock) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::close(ends[0]);
      serve(ends[1], limits, clock);
    }
    ::close(ends[1]);
    socket_ = ends[0];
  }
  ~BrokerProcess() {
    ::close(socket_);
    int status = 0;
    ::waitpid(child_, &status, 0);
  }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  std::string ask(char letter, const std::string& name, const std::string& bytes) {
    std::string answer;
    REQUIRE(write_all(socket_, letter + name + "\n" + bytes));
    REQUIRE(read_message(socket_, answer));
    return answer;
  }

 private:
  [[noreturn]] static void serve(int socket, const broker::Limits& limits, std::int64_t clock) {
    test::MemoryStore store;
    Served served(store, limits, clock);
    std::string command;
    while (read_message(socket, command) && write_all(socket, served.answer(command))) {
    }
    ::_exit(0);
  }

  pid_t child_ = -1;
  int socket_ = -1;
};

/// "m7" of a packet as it is described.
unsigned packet_id(const std::string& packet) {
  const std::size_t at = packet.find(" m");
  return static_cast<unsigned>(std::stoul(packet.substr(at + 2)));
}

std::string ack(PacketType type, unsigned id) {
  return test::encoded(
      mqtt::Ack{.type = type, .packet_id = mqtt::PacketId{static_cast<std::uint16_t>(id)}});
}

/// A publisher and a subscriber, whose sessions move to and fro between two processes.
class World {
 public:
  World(Version version, bool lasting, unsigned seed)
      : version_(version), random_(seed), processes_{{limits(), 2'000'000}, {limits(), 7'000'000}} {
    const std::string options = {static_cast<char>(version), lasting ? '1' : '0'};
    handle(processes_[0].ask('c', "sub", options));
    handle(processes_[0].ask('c', "pub", options));
    send("sub", test::encoded(
                    mqtt::Subscribe{.packet_id = mqtt::PacketId{1},
                                    .entries = {{.filter = "t/+", .qos = mqtt::Qos::exactly_once}}},
                    version));
  }

  void run(int messages) {
    int sent = 0;
    while (sent < messages || !queue_.empty() || !open_.empty()) {
      const unsigned choice = random_() % 8;
      if (choice == 0) move(random_() % 2 == 0 ? "sub" : "pub");
      if (choice >= 1 && choice <= 3 && sent < messages && open_.size() < 20) publish(sent++);
      if (choice >= 4 && !queue_.empty()) react();
    }
    CHECK(next_expected_ == messages);
    CHECK(moves_ > messages / 20);
  }

 private:
  static broker::Limits limits() {
    broker::Limits limits;
    limits.max_inflight_messages = 5;
    return limits;
  }

  /// Both move together, as in a live upgrade: a message finds its subscriber.
  void move(const std::string& first) {
    const std::string second = first == "sub" ? "pub" : "sub";
    BrokerProcess& from = processes_[at_];
    BrokerProcess& to = processes_[1 - at_];
    // A packet is cut by the move: its end arrives at the other process.
    const std::string packet = test::pingreq();
    handle(from.ask('s', first, packet.substr(0, 1)));
    for (const std::string& name : {first, second}) {
      const std::string image = from.ask('i', name, {});
      REQUIRE_FALSE(image.empty());
      handle(to.ask('a', name, image));
      handle(from.ask('r', name, {}));
    }
    at_ = 1 - at_;
    send(first, packet.substr(1));
    ++moves_;
  }
  void publish(int number) {
    const unsigned qos = 1 + random_() % 2;
    const unsigned id = 1 + next_id_++ % 60'000;
    open_.insert(id);
    send("pub", test::publish("t/" + std::to_string(qos), std::to_string(number),
                              {.qos = qos, .packet_id = id}, version_));
  }
  void send(const std::string& name, const std::string& bytes) {
    handle(processes_[at_].ask('s', name, bytes));
  }

  /// Notes what the clients were sent; they react later, in order.
  void handle(const std::string& lines) {
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) {
      CAPTURE(line);
      REQUIRE(line[0] != '!');
      const std::string packet = line.substr(4);
      if (line.starts_with("sub PUBLISH ")) receive(packet);
      if (packet.starts_with("PU")) queue_.emplace_back(line.substr(0, 3), packet);
      REQUIRE_FALSE(packet.starts_with("DISCONNECT"));
    }
  }
  /// Each message arrives once, in order, as on a connection that never broke.
  void receive(const std::string& packet) {
    REQUIRE(packet.find(" d0 ") != packet.npos);
    if (packet.starts_with("PUBLISH q2")) REQUIRE(received_ids_.insert(packet_id(packet)).second);
    const std::size_t at = packet.find("t/");
    REQUIRE(std::stoi(packet.substr(at + 4)) == next_expected_);
    ++next_expected_;
  }
  void react() {
    const auto [name, packet] = queue_.front();
    queue_.pop_front();
    const unsigned id = packet_id(packet);
    if (packet.starts_with("PUBLISH")) {
      return send(
          name,
          ack(packet.starts_with("PUBLISH q1") ? PacketType::puback : PacketType::pubrec, id));
    }
    if (packet.starts_with("PUBREC")) return send(name, ack(PacketType::pubrel, id));
    if (packet.starts_with("PUBREL")) {
      CHECK(received_ids_.erase(id) == 1);
      return send(name, ack(PacketType::pubcomp, id));
    }
    CHECK(open_.erase(id) == 1);  // PUBACK or PUBCOMP for the publisher
  }

  Version version_;
  std::mt19937 random_;
  BrokerProcess processes_[2];
  unsigned at_ = 0;
  unsigned next_id_ = 0;
  int next_expected_ = 0;
  int moves_ = 0;
  std::set<unsigned> open_;          // of the publisher: not acknowledged
  std::set<unsigned> received_ids_;  // of the subscriber, QoS 2
  std::deque<std::pair<std::string, std::string>> queue_;
};

}  // namespace

TEST_CASE("a session moves to another process, and its client notices nothing [MQTT-4.3.3-10]",
          "[session_move]") {
  const auto version = GENERATE(Version::v3_1_1, Version::v5_0);
  const bool lasting = GENERATE(false, true);
  const unsigned seed = GENERATE(1U, 2U, 3U);
  CAPTURE(lasting, seed);
  World world(version, lasting, seed);
  world.run(400);
}
