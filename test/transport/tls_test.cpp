#include "transport/tls.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/transport/tls_server.h"

namespace transport {

namespace {

using State = TlsFilter::State;

}  // namespace

TEST_CASE("a TLS connection carries bytes both ways, however they are cut", "[tls]") {
  const TlsSite site;
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::threes, Cut::bytes);
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  CAPTURE(static_cast<int>(cut), version);
  TlsServer server(site.load());
  TlsClient client({.authority = &site.authority, .host = "a.test", .version = version});
  CHECK(server.filter.state() == State::handshake);
  carry(server, client, cut);
  REQUIRE(client.connected());
  REQUIRE(server.filter.state() == State::open);

  const std::string large(40'000, 'x');
  client.write("CONNECT");
  client.write(large);
  carry(server, client, cut);
  CHECK(server.plain == "CONNECT" + large);

  for (const std::string& piece : pieces(server.write("CONNACK" + large), cut)) {
    client.receive(piece);
  }
  CHECK(client.read() == "CONNACK" + large);

  client.close();
  carry(server, client, cut);
  CHECK(server.filter.state() == State::ended);
  client.receive(server.close());
  CHECK(client.ended());
  CHECK(server.close().empty());
}

TEST_CASE("what came with the end of a handshake, and before an end, is not lost", "[tls]") {
  const TlsSite site;
  TlsServer server(site.load());
  TlsClient client;
  client.receive(server.read(client.take()));
  REQUIRE(client.connected());
  client.write("first");
  client.close();
  static_cast<void>(server.read(client.take()));
  CHECK(server.plain == "first");
  CHECK(server.filter.state() == State::ended);
}

TEST_CASE("small pieces of output share records", "[tls]") {
  const TlsSite site;
  TlsServer server(site.load());
  TlsClient client;
  carry(server, client);
  REQUIRE(client.connected());
  mqtt::ByteBuffer sealed;
  TlsRecords records(server.filter, sealed);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece =
        "piece " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 70, '.');
    records.put(mqtt::as_bytes(piece));
    all += piece;
  }
  const std::string large(100'000, 'y');
  records.put(mqtt::as_bytes(large));
  records.put(mqtt::as_bytes("end"));
  all += large + "end";
  REQUIRE(records.finish());
  // A record costs 22 bytes with TLS 1.3; 16 KiB fit in each, and one more may be cut short.
  const std::size_t records_max = all.size() / 16'384 + 2;
  CHECK(sealed.size() <= all.size() + records_max * 22);
  client.receive(mqtt::as_text(sealed.view()));
  CHECK(client.read() == all);
}

TEST_CASE("TLS older than 1.2 is refused, and 1.2 too where 1.3 is asked for", "[tls]") {
  TlsSite site;
  const auto [version, only_1_3, good] = GENERATE(table<int, bool, bool>({
      {TLS1_VERSION, false, false},
      {TLS1_1_VERSION, false, false},
      {TLS1_2_VERSION, false, true},
      {TLS1_2_VERSION, true, false},
      {TLS1_3_VERSION, true, true},
  }));
  CAPTURE(version, only_1_3);
  site.options.tls1_3_only = only_1_3;
  TlsServer server(site.load());
  TlsClient client({.version = version});
  carry(server, client);
  CHECK(client.connected() == good);
  CHECK((server.filter.state() == State::open) == good);
  if (!good) {
    CHECK(server.filter.why() == "the client speaks no version of TLS that is allowed here");
    CHECK(client.error().find("alert protocol version") != std::string::npos);
  }
}

TEST_CASE("bytes that are not TLS fail with a sentence", "[tls]") {
  const TlsSite site;
  const std::string text =
      GENERATE(std::string("\x10\x0C\x00\x04MQTT\x04\x02\x00\x00\x00\x00", 14),
               std::string("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), std::string(5000, '\0'),
               std::string(5000, '\xFF'), std::string("\x16\x03\x01\x00\x05garbage", 12),
               std::string("\x16\x03\x03\xFF\xFF") + std::string(70'000, 'a'));
  const Cut cut = GENERATE(Cut::whole, Cut::halves);
  TlsServer server(site.load());
  for (const std::string& piece : pieces(text, cut)) static_cast<void>(server.read(piece));
  CHECK(server.filter.state() == State::failed);
  CHECK_FALSE(server.filter.why().empty());
  CHECK(server.plain.empty());
  CHECK(server.close().empty());
  mqtt::ByteBuffer sealed;
  CHECK_FALSE(server.filter.write(mqtt::as_bytes("x"), sealed));
  CHECK(sealed.empty());
}

TEST_CASE("a truncated handshake just waits, and a spoilt one fails", "[tls]") {
  const TlsSite site;
  TlsClient client;
  const std::string hello = client.take();
  const auto context = site.load();
  for (std::size_t size = 0; size < hello.size(); size += 7) {
    TlsServer server(context);
    CHECK(server.read(hello.substr(0, size)).empty());
    CHECK(server.filter.state() == State::handshake);
  }
  for (std::size_t at = 0; at < 9; ++at) {
    std::string spoilt = hello;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 0x55);
    TlsServer server(context);
    static_cast<void>(server.read(spoilt + std::string(20'000, '\0')));
    CAPTURE(at);
    CHECK(server.filter.state() == State::failed);
  }
}

TEST_CASE("a record that was changed on its way ends the connection", "[tls]") {
  const TlsSite site;
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  TlsServer server(site.load());
  TlsClient client({.version = version});
  carry(server, client);
  client.write("good");
  carry(server, client);
  client.write("bad");
  std::string bytes = client.take();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  const std::string replies = server.read(bytes);
  CHECK(server.filter.state() == State::failed);
  CHECK(server.plain == "good");
  client.receive(replies);
  CHECK(client.error().find("bad record mac") != std::string::npos);
}

TEST_CASE("renegotiation is refused, and the connection goes on", "[tls]") {
  const TlsSite site;
  TlsServer server(site.load());
  TlsClient client({.version = TLS1_2_VERSION});
  carry(server, client);
  REQUIRE(client.connected());
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  const std::string replies = server.read(client.take());
  CHECK(server.filter.state() == State::open);
  CHECK(replies.size() < 100);  // an alert
  client.receive(replies);
  CHECK(client.error().find("no renegotiation") != std::string::npos);
}

TEST_CASE("key updates are answered one by one, and bytes go on", "[tls]") {
  const TlsSite site;
  TlsServer server(site.load());
  TlsClient client({.version = TLS1_3_VERSION});
  carry(server, client);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    client.write("x");
    carry(server, client);
  }
  CHECK(server.plain == "xxxxx");
  client.receive(server.write("y"));
  CHECK(client.read() == "y");
}

TEST_CASE("an alert of the client is told", "[tls]") {
  const TlsSite site;
  const TestCertificate stranger = make_authority("Stranger");
  TlsServer server(site.load());
  TlsClient client({.authority = &stranger});
  carry(server, client);
  CHECK_FALSE(client.connected());
  CHECK(server.filter.state() == State::failed);
  CHECK(server.filter.why() == "the client sent the alert \"unknown CA\"");
}

}  // namespace transport
