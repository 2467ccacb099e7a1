#include "test/transport/fixture.h"

#include <algorithm>
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <utility>

#include "transport/http_files.h"
#include "transport/http_health.h"
namespace transport {

namespace {

constexpr auto patience = std::chrono::seconds(10);

void set_patience(int socket) {
  const timeval time{std::chrono::duration_cast<std::chrono::seconds>(patience).count(), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

std::string frame(unsigned first_byte, std::string_view payload, unsigned mask_bit) {
  std::string bytes(1, static_cast<char>(first_byte));
  if (payload.size() < 126) {
    bytes += static_cast<char>(mask_bit | payload.size());
    return bytes;
  }
  const std::size_t length_bytes = payload.size() < 65'536 ? 2 : 8;
  bytes += static_cast<char>(mask_bit | (length_bytes == 2 ? 126U : 127U));
  for (std::size_t at = length_bytes; at-- > 0;) {
    bytes += static_cast<char>(payload.size() >> (8 * at));
  }
  return bytes;
}

/// As the server does it.
std::shared_ptr<const HttpRoutes> routes_of(const ListenerOptions& listener) {
  std::vector<HttpRoutes::Route> routes;
  if (!listener.http_dir.empty()) routes.push_back({"", file_handler(listener.http_dir)});
  routes.push_back({"", answer_health_check});
  return std::make_shared<HttpRoutes>(std::move(routes));
}

}  // namespace

void TestLog::write(broker::LogType /*type*/, std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(line);
}

bool TestLog::says(std::string_view text) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    {
      const std::lock_guard lock(mutex_);
      const auto has = [&](const std::string& line) { return line.find(text) != line.npos; };
      if (std::ranges::any_of(lines_, has)) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

std::size_t TestLog::count(std::string_view text) {
  const std::lock_guard lock(mutex_);
  const auto has = [&](const std::string& line) { return line.find(text) != line.npos; };
  return static_cast<std::size_t>(std::ranges::count_if(lines_, has));
}

TestBroker::TestBroker(Options options) {
  options.mqtt.port = options.websockets.port = 0;
  options.websockets.index = 1;
  options.websockets.protocol = Protocol::websockets;
  for (ListenerOptions* const listener : {&options.mqtt, &options.websockets}) {
    if (listener->unix_socket_path.empty()) listener->address = "127.0.0.1";
    listener->tls = options.tls != nullptr;
    auto opened = Listener::open(*listener);
    REQUIRE(opened.has_value());
    (*opened)->set_tls(options.tls);
    (*opened)->set_http(options.http != nullptr ? options.http : routes_of(*listener));
    listeners_.push_back(std::move(*opened));
  }
  std::vector<broker::ShardOptions> shards(options.loops);
  for (std::uint32_t index = 0; index < options.loops; ++index) {
    shards[index].index = broker::ShardIndex{index};
    shards[index].shards = options.loops;
    shards[index].seed = index;
    shards[index].limits.sys_interval_seconds = 0;
    broker::ListenerPolicy policy;
    policy.open_to_all = options.login == nullptr;
    shards[index].listeners = {policy, policy};
  }
  commons_ = std::make_unique<broker::Commons>(options.loops);
  loops_ = std::make_unique<Loops>(options.loop, shards, *commons_, log_, options.login);
  if (options.run) REQUIRE(loops_->start(listeners_).has_value());
}

Client::Client(std::uint16_t port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_patience(socket_.get());
  if (receive_buffer_bytes > 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
  }
  const int no_delay = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
}

Client::Client(const std::string& unix_path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_patience(socket_.get());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, unix_path.data(), unix_path.size());
  REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Client::send_slowly(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) send(bytes.substr(at, 1));
}

std::string Client::receive(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t count = ::recv(socket_.get(), bytes.data() + have, size - have, 0);
    if (count <= 0) break;
    have += static_cast<std::size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

std::string Client::receive_all() {
  std::string bytes;
  for (;;) {
    const std::string more = receive(1);
    if (more.empty()) return bytes;
    bytes += more;
  }
}

std::string Client::receive_until(std::string_view text) {
  std::string bytes;
  while (!bytes.ends_with(text)) {
    const std::string more = receive(1);
    if (more.empty()) break;
    bytes += more;
  }
  return bytes;
}

std::string connect(std::string_view client_id, std::string_view will_topic) {
  mqtt::Connect packet;
  packet.version = mqtt::Version::v3_1_1;
  packet.clean_start = true;
  packet.client_id = client_id;
  if (!will_topic.empty()) {
    mqtt::Will& will = packet.will.emplace();
    will.topic = will_topic;
    will.payload = mqtt::as_bytes("gone");
  }
  return test::encoded(packet);
}

std::string subscribe(std::string_view filter, unsigned qos) {
  return test::encoded(
      mqtt::Subscribe{.packet_id = mqtt::PacketId{1},
                      .entries = {{.filter = filter, .qos = static_cast<mqtt::Qos>(qos)}}},
      mqtt::Version::v3_1_1);
}

std::string suback(unsigned qos) {
  return test::encoded(mqtt::SubscribeAnswer{.packet_id = mqtt::PacketId{1},
                                             .reasons = {static_cast<mqtt::Reason>(qos)}},
                       mqtt::Version::v3_1_1);
}

std::string publish(std::string_view topic, std::string_view payload, unsigned packet_id) {
  return test::encoded(
      mqtt::OutgoingPublish{
          .topic = topic,
          .payload = mqtt::as_bytes(payload),
          .packet_id = mqtt::PacketId{static_cast<std::uint16_t>(packet_id)},
          .qos = packet_id == 0 ? mqtt::Qos::at_most_once : mqtt::Qos::at_least_once},
      mqtt::Version::v3_1_1);
}

std::string upgrade_request(std::string_view further_fields) {
  return "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Protocol: mqtt\r\n" +
         std::string(further_fields) + "\r\n";
}

std::string client_frame(unsigned first_byte, std::string_view payload) {
  constexpr std::string_view mask = "\x37\xFA\x21\x3D";
  std::string bytes = frame(first_byte, payload, 0x80).append(mask);
  for (std::size_t at = 0; at < payload.size(); ++at) {
    bytes += static_cast<char>(payload[at] ^ mask[at % 4]);
  }
  return bytes;
}

std::string server_frame(unsigned first_byte, std::string_view payload) {
  return frame(first_byte, payload, 0).append(payload);
}

}  // namespace transport
