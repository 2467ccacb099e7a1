// TLS clients of real loops.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

#include "test/packets.h"
#include "test/transport/certificates.h"
#include "test/transport/fixture.h"
#include "test/transport/pieces.h"
#include "test/transport/tls_client.h"
#include "transport/handshake_queue.h"
#include "transport/tls_context.h"

namespace transport {

namespace {

/// What the listeners of a test are opened with.
std::shared_ptr<const TlsContext> make_context(Protocol protocol = Protocol::mqtt) {
  static const TestFolder folder;
  static const TestCertificate authority = make_authority("Test CA");
  static const TestCertificate server =
      make_certificate({.common_name = "server", .host = "a.test"}, authority);
  TlsOptions options;
  options.certificates.push_back({folder.write("server.crt", server.certificate_pem()),
                                  folder.write("server.key", server.key_pem())});
  auto context = TlsContext::load(options, protocol);
  if (!context) FAIL(context.error());
  return *context;
}

TestBroker::Options with_tls(std::uint32_t loops = 1) {
  TestBroker::Options options;
  options.loops = loops;
  options.tls = make_context();
  return options;
}

/// A TLS client on a socket.
class SecureClient {
 public:
  explicit SecureClient(std::uint16_t port, Cut cut = Cut::whole, int receive_buffer_bytes = 0)
      : socket_(port, receive_buffer_bytes), cut_(cut) {
    while (!tls_.connected() && tls_.error().empty() && exchange()) {
    }
  }

  void send(std::string_view plain) {
    tls_.write(plain);
    flush();
  }
  /// Receives exactly so many bytes; fewer when the broker closed.
  std::string receive(std::size_t size) {
    while (plain_.size() < size && exchange()) {
    }
    std::string bytes = plain_.substr(0, size);
    plain_.erase(0, size);
    return bytes;
  }
  /// Receives until the broker closes.
  void receive_end() {
    while (exchange()) {
    }
  }
  void flush() {
    for (const std::string& piece : pieces(tls_.take(), cut_)) socket_.send(piece);
  }
  [[nodiscard]] TlsClient& tls() { return tls_; }
  [[nodiscard]] Client& socket() { return socket_; }

 private:
  /// Sends what there is, and reads something. Returns false at the end.
  bool exchange() {
    flush();
    std::string bytes(4096, '\0');
    const ssize_t count = ::recv(socket_.descriptor(), bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    tls_.receive(std::string_view(bytes).substr(0, static_cast<std::size_t>(count)));
    plain_ += tls_.read();
    return true;
  }

  Client socket_;
  TlsClient tls_;
  Cut cut_;
  std::string plain_;
};

}  // namespace

TEST_CASE("TLS clients are at home on any loop, however their bytes are cut", "[tls][loops]") {
  const std::uint32_t loops = GENERATE(1U, 4U);
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  CAPTURE(loops, static_cast<int>(cut));
  TestBroker broker(with_tls(loops));
  const std::string large(100'000, 'l');
  for (int number = 0; number < 8; ++number) {
    const std::string name = "client" + std::to_string(number);
    SecureClient client(broker.port(), cut);
    REQUIRE(client.tls().connected());
    // In one write: what stands behind CONNECT moves along.
    client.send(connect(name) + subscribe(name));
    CHECK(client.receive(connack.size() + suback().size()) == connack + suback());
    const std::string small = publish(name, "payload");
    client.send(small);
    CHECK(client.receive(small.size()) == small);
    // Output that borrows from what was read.
    const std::string big = publish(name, large);
    if (cut != Cut::bytes) {
      client.send(big + small);
      CHECK(client.receive(big.size() + small.size()) == big + small);
    }
    client.send(test::disconnect());
    client.receive_end();
    CHECK(client.tls().ended());
  }
}

TEST_CASE("WebSocket over TLS", "[tls][loops]") {
  const std::uint32_t loops = GENERATE(1U, 4U);
  const Cut cut = GENERATE(Cut::whole, Cut::bytes);
  TestBroker broker(with_tls(loops));
  for (int number = 0; number < 4; ++number) {
    const std::string name = "client" + std::to_string(number);
    SecureClient client(broker.websocket_port(), cut);
    client.send(upgrade_request());
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      const std::string more = client.receive(1);
      REQUIRE_FALSE(more.empty());
      head += more;
    }
    CHECK(head.starts_with("HTTP/1.1 101"));
    client.send(client_frame(0x82, connect(name)));
    const std::string answer = server_frame(0x82, connack);
    CHECK(client.receive(answer.size()) == answer);
    // Close is answered with Close, then TLS ends, then TCP.
    client.send(client_frame(0x88, std::string("\x03\xE8", 2)));
    const std::string close = server_frame(0x88, std::string("\x03\xE8", 2));
    CHECK(client.receive(close.size()) == close);
    client.receive_end();
    CHECK(client.tls().ended());
  }
}

TEST_CASE("a TLS handshake has to end in time", "[tls][loops]") {
  TestBroker::Options options = with_tls();
  options.loop.handshake_timeout_seconds = 1;
  TestBroker broker(std::move(options));
  const std::size_t size = GENERATE(0U, 100U);
  Client client(broker.port());
  TlsClient tls;
  client.send(tls.take().substr(0, size));
  static_cast<void>(client.receive_all());
  CHECK(broker.log().says(" closed: no TLS handshake came in time."));
}

TEST_CASE("half TLS handshakes are bounded, and starve nobody who is connected", "[tls][loops]") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  TestBroker broker(with_tls());
  SecureClient connected(broker.port());
  connected.send(connect("connected"));
  CHECK(connected.receive(connack.size()) == connack);
  const auto ping = [&] {
    connected.send(test::pingreq());
    CHECK(connected.receive(2) == test::pingresp());
  };

  std::vector<std::unique_ptr<Client>> half;
  TlsClient tls;
  const std::string hello = tls.take();
  for (std::size_t i = 0; i < HandshakeQueue::under_way_max + 50; ++i) {
    half.push_back(std::make_unique<Client>(broker.port()));
    half.back()->send(std::string_view(hello).substr(0, 50));
    if (i % 100 == 0) ping();
  }
  // There is no place for it before the others are gone.
  Client late(broker.port());
  late.send(hello);
  char byte = 0;
  for (int i = 0; i < 100; ++i) {
    ping();
    CHECK(::recv(late.descriptor(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1);
  }
  half.clear();
  CHECK(late.receive(1) == "\x16");  // TLS: a handshake record
  ping();
}

TEST_CASE("a client that updates keys and does not read is sent away", "[tls][loops]") {
  TestBroker broker(with_tls());
  const int send_buffer_bytes = 4096;  // accepted sockets have that of the listening one
  REQUIRE(::setsockopt(broker.listener(0).sockets()[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes,
                       sizeof send_buffer_bytes) == 0);
  SecureClient client(broker.port(), Cut::whole, 4096);
  REQUIRE(client.tls().connected());
  for (int i = 0; i < 1000; ++i) {
    for (int j = 0; j < 200; ++j) {
      REQUIRE(SSL_key_update(client.tls().ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      SSL_do_handshake(client.tls().ssl());
    }
    const std::string bytes = client.tls().take();
    if (::send(client.socket().descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) break;
  }
  CHECK(broker.log().says(" closed: it updates TLS keys and does not read."));
}

TEST_CASE("inside TLS, too, only the last Ping is answered while output waits", "[tls][loops]") {
  TestBroker broker(with_tls());
  const int send_buffer_bytes = 4096;  // accepted sockets have that of the listening one
  REQUIRE(::setsockopt(broker.listener(1).sockets()[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes,
                       sizeof send_buffer_bytes) == 0);
  SecureClient client(broker.websocket_port(), Cut::whole, 4096);
  client.send(upgrade_request());
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    head += client.receive(1);
    REQUIRE(head.size() < 1000);
  }
  std::string pings;
  for (int count = 0; count < 1000; ++count) pings += client_frame(0x89, std::string(125, 'a'));
  for (int count = 0; count < 30; ++count) client.send(pings);
  const std::string last = std::string(125, '!');
  client.send(client_frame(0x89, last));
  std::size_t pongs = 0;
  std::string pong;
  while (pong != server_frame(0x8A, last)) {
    pong = client.receive(127);
    REQUIRE(pong.size() == 127);
    ++pongs;
  }
  CHECK(pongs < 15'000);  // of 30,001
}

TEST_CASE("listeners take a new TLS context, connections keep theirs", "[tls][loops]") {
  TestBroker broker(with_tls(4));
  SecureClient before(broker.port());
  before.send(connect("before"));
  CHECK(before.receive(connack.size()) == connack);
  broker.listener(0).set_tls(make_context());
  SecureClient after(broker.port());
  after.send(connect("after"));
  CHECK(after.receive(connack.size()) == connack);
  before.send(test::pingreq());
  CHECK(before.receive(2) == test::pingresp());
}

}  // namespace transport
