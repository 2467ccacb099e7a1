#include "transport/link/stages.h"

#include <catch2/catch.hpp>
#include <functional>

#include "test/packets.h"
#include "test/transport/tls_server.h"
#include "transport/websocket.h"
#include "transport/websocket_handshake.h"

using transport::Cut;
using transport::LinkAddress;
using transport::LinkFault;
using transport::LinkOptions;
using transport::LinkStages;

namespace {

const std::string connect_packet(
    "\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01"
    "c",
    15);
const std::string connack = test::encoded(mqtt::Connack{}, mqtt::Version::v3_1_1);

/// The head of the HTTP request that `stream` begins with is taken off it; empty: not whole yet.
std::string take_head(std::string& stream) {
  const std::size_t end = stream.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  std::string head = stream.substr(0, end + 4);
  stream.erase(0, end + 4);
  return head;
}

/// The other ends: a proxy, TLS, and WebSockets, each if the address has it.
class Far {
 public:
  Far(const LinkOptions& options, const transport::TlsSite& site)
      : proxied_(!options.proxy),
        is_socks_(options.proxy && options.proxy->kind == transport::LinkProxy::Kind::socks),
        upgraded_(!options.address.has_websocket()) {
    if (options.address.has_tls()) tls_.emplace(site.load(transport::Protocol::websockets));
  }

  /// Reads bytes of the link; returns the answer.
  std::string read(std::string_view bytes) {
    stream_ += bytes;
    std::string answer;
    if (is_socks_) return answer_socks();
    if (!proxied_) {
      const std::string head = take_head(stream_);
      if (head.empty()) return {};
      CHECK(head.starts_with("CONNECT a.test:"));
      proxied_ = true;
      return "HTTP/1.1 200 Connection established\r\n\r\n";
    }
    if (tls_) {
      answer = tls_->read(stream_);
      stream_.clear();
      inner_ += std::exchange(tls_->plain, {});
    } else {
      inner_ += std::exchange(stream_, {});
    }
    if (!upgraded_) {
      const std::string head = take_head(inner_);
      if (head.empty()) return answer;
      upgraded_ = true;
      return answer + write(answer_upgrade(head));
    }
    take_mqtt();
    return answer;
  }
  /// Bytes of MQTT for the link, as they go over the wire.
  std::string send(std::string_view bytes) {
    if (!has_websocket_) return write(std::string(bytes));
    std::string frames;
    for (const char letter : bytes) frames += std::string("\x82\x01", 2) + letter;
    return write(frames);
  }
  std::string mqtt;

 private:
  /// Answers the greeting, then the request.
  std::string answer_socks() {
    constexpr std::size_t greeting_bytes = 3;
    constexpr std::size_t request_bytes = 13;  // for "a.test"
    const std::size_t wanted = proxied_ ? request_bytes : greeting_bytes;
    if (stream_.size() < wanted) return {};
    CHECK(stream_.size() == wanted);
    stream_.clear();
    if (!std::exchange(proxied_, true)) return {"\x05\x00", 2};
    is_socks_ = false;
    return {"\x05\x00\x00\x01\x7F\x00\x00\x01\x04\x38", 10};
  }
  std::string answer_upgrade(const std::string& head) {
    has_websocket_ = true;
    transport::HttpRequestReader reader(10'000);
    CHECK(reader.read(mqtt::as_bytes(head)).progress ==
          transport::HttpRequestReader::Progress::complete);
    transport::ListenerOptions listener;
    const auto handshake = answer_handshake(reader.take(), listener);
    REQUIRE(handshake);
    CHECK(handshake->defects.empty());
    return handshake->response;
  }
  std::string write(const std::string& text) { return tls_ ? tls_->write(text) : text; }
  void take_mqtt() {
    if (!has_websocket_) {
      mqtt += std::exchange(inner_, {});
      return;
    }
    const auto input = frames_.read({reinterpret_cast<std::byte*>(inner_.data()), inner_.size()});
    mqtt += mqtt::as_text(input.payload);
    inner_.clear();
  }

  bool proxied_;
  bool is_socks_;  // and the proxy has not answered everything
  bool upgraded_;
  bool has_websocket_ = false;
  std::optional<transport::TlsServer> tls_;
  std::string stream_;  // of the wire
  std::string inner_;   // of TLS, or of the wire
  transport::WebSocketReader frames_;
};

std::string taken(mqtt::ByteBuffer& wire) {
  std::string text(mqtt::as_text(wire.view()));
  wire.clear();
  return text;
}

LinkOptions options_for(std::string_view address) {
  LinkOptions options;
  options.address = *LinkAddress::parse(address);
  return options;
}

/// Feeds bytes to stages that have begun, and returns how they end.
std::optional<transport::LinkEnd> end_after(const LinkOptions& options, std::string_view bytes,
                                            Cut cut) {
  LinkStages stages(options);
  mqtt::ByteBuffer wire;
  stages.begin(wire);
  for (const std::string& piece : transport::pieces(bytes, cut)) {
    const mqtt::Bytes input = stages.read(mqtt::as_bytes(piece), wire);
    CHECK(input.empty());
    if (stages.end()) break;
  }
  CHECK_FALSE(stages.is_open());
  return stages.end();
}

}  // namespace

TEST_CASE("stages open one after the other, and carry MQTT, however it is cut", "[stages]") {
  const auto* const scheme = GENERATE("mqtt", "mqtts", "ws", "wss");
  using Kind = transport::LinkProxy::Kind;
  const auto proxy =
      GENERATE(std::optional<Kind>(), std::optional(Kind::http), std::optional(Kind::socks));
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  CAPTURE(scheme, cut);
  const transport::TlsSite site;
  LinkOptions options = options_for(std::string(scheme) + "://a.test");
  options.tls = *transport::LinkTls::load({.ca_file = site.options.ca_file});
  if (proxy) options.proxy = {.host = "proxy", .kind = *proxy};
  Far far(options, site);
  LinkStages stages(options);
  mqtt::ByteBuffer wire;
  std::string received;
  const auto hear = [&](const std::string& bytes) {
    for (const std::string& piece : transport::pieces(bytes, cut)) {
      received += mqtt::as_text(stages.read(mqtt::as_bytes(piece), wire));
    }
  };
  const auto carry = [&] {
    while (!wire.empty()) {
      std::string answers;
      for (const auto& piece : transport::pieces(taken(wire), cut)) answers += far.read(piece);
      hear(answers);
    }
  };
  stages.begin(wire);
  carry();
  REQUIRE(stages.is_open());
  mqtt::ByteBuffer packets;
  packets.append(connect_packet);
  stages.write(packets, wire);
  CHECK(packets.empty());
  carry();
  CHECK(far.mqtt == connect_packet);
  hear(far.send(connack));
  CHECK(received == connack);
  CHECK_FALSE(stages.end());
  CHECK(stages.description() ==
        (options.address.has_tls() ? " TLSv1.3 cipher TLS_AES_256_GCM_SHA384" : "") +
            std::string(options.address.has_websocket() ? " WebSocket" : ""));
  CHECK(stages.socket_ended().fault == LinkFault::none);
  stages.close(wire);
  CHECK(wire.empty() == (std::string_view(scheme) == "mqtt"));
}

TEST_CASE("a wrong protocol on a port is told", "[stages]") {
  const auto [address, bytes, fault,
              words] = GENERATE(table<std::string, std::string, LinkFault, std::string>({
      {"ws://a", "SSH-2.0\r\n", LinkFault::http, "the port speaks no HTTP"},
      {"ws://a", "\x15\x03\x01\x02", LinkFault::http, "the port speaks no HTTP"},
      {"ws://a", "HTTP/1.1 403 Forbidden\r\n\r\n", LinkFault::http, "Origin"},
      {"ws://a", "HTTP/1.1 101 Switching Protocols\r\n\r\n", LinkFault::websocket, "does not fit"},
      {"ws://a", "HTTP/1.1 101 X\r\nA: " + std::string(20'000, 'x'), LinkFault::http,
       "larger than 16 KiB"},
      {"mqtts://a", "HTTP/1.1 400 Bad Request\r\n\r\n", LinkFault::tls, "the port speaks no TLS"},
  }));
  LinkOptions options = options_for(address);
  options.tls = *transport::LinkTls::load({});
  const auto end = end_after(options, bytes, GENERATE(Cut::whole, Cut::bytes));
  REQUIRE(end);
  CHECK(end->fault == fault);
  CAPTURE(end->text);
  CHECK(end->text.starts_with(options.address.text() + ": "));
  CHECK(end->text.find(words) != std::string::npos);
}

TEST_CASE("a refusal's own words are told", "[stages]") {
  const std::string head =
      "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  const std::string words = "The Origin 'a' is not allowed.\n";
  const LinkOptions options = options_for("ws://a");
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  const auto end =
      end_after(options, head + std::to_string(words.size()) + "\r\n\r\n" + words + "more", cut);
  REQUIRE(end);
  CHECK(end->status == 403);
  CHECK(end->text.ends_with("(its own words: \"The Origin 'a' is not allowed.\")"));
  // Cut short: the part that has come is told.
  CHECK_FALSE(end_after(options, head + "90\r\n\r\nThe", cut));
  LinkStages stages(options);
  mqtt::ByteBuffer wire;
  stages.begin(wire);
  CHECK(stages.read(mqtt::as_bytes(head + "90\r\n\r\nThe"), wire).empty());
  CHECK(stages.socket_ended().text.ends_with("(its own words: \"The\")"));
  CHECK(stages.timed_out().status == 403);
  // Too long for a line.
  const auto page = end_after(options, head + "90000\r\n\r\nThe", cut);
  REQUIRE(page);
  CHECK(page->text.find("own words") == std::string::npos);
}

TEST_CASE("TLS or HTTP on a port for plain MQTT is told", "[stages]") {
  const LinkOptions options = options_for("a");
  const auto end_of = [&](std::string_view bytes) {
    LinkStages stages(options);
    mqtt::ByteBuffer wire;
    stages.begin(wire);
    CHECK(stages.is_open());
    CHECK(stages.read(mqtt::as_bytes(bytes), wire).empty());
    REQUIRE(stages.end());
    return *stages.end();
  };
  CHECK(end_of("\x15\x03\x03").text ==
        "a:1883: the port speaks TLS: use mqtts://, or wss:// for WebSockets");
  CHECK(end_of("HTTP/1.1 400 Bad Request\r\n").fault == LinkFault::http);
}

TEST_CASE("a proxy that refuses or babbles is told", "[stages]") {
  LinkOptions options = options_for("a");
  options.proxy = {.host = "proxy"};
  const auto refused = end_after(options, "HTTP/1.1 403 Forbidden\r\n\r\n", Cut::bytes);
  REQUIRE(refused);
  CHECK(refused->fault == LinkFault::proxy);
  CHECK(refused->status == 403);
  const auto babble = end_after(options, std::string("\x05\xFF", 2), Cut::whole);
  REQUIRE(babble);
  CHECK(babble->text == "a:1883: the proxy's answer is no HTTP");
  options.proxy->kind = transport::LinkProxy::Kind::socks;
  const auto closed = end_after(options, "\x05\xFF", Cut::bytes);
  REQUIRE(closed);
  CHECK(closed->fault == LinkFault::proxy);
  CHECK(closed->status == 407);
  CHECK(closed->text == "a:1883: the proxy proxy:3128 wants a login");
}

TEST_CASE("TLS checks the name that SRV records allow in place of the address", "[stages]") {
  const transport::TlsSite site;
  LinkOptions options = options_for("mqtts://b.test");
  options.tls = *transport::LinkTls::load({.ca_file = site.options.ca_file});
  options.checked_host = GENERATE("", "a.test");
  Far far(options, site);
  LinkStages stages(options);
  mqtt::ByteBuffer wire;
  stages.begin(wire);
  while (!wire.empty()) {
    static_cast<void>(stages.read(mqtt::as_bytes(far.read(taken(wire))), wire));
  }
  CHECK(stages.is_open() == !options.checked_host.empty());
}

TEST_CASE("an end of the socket means what the stage at work makes of it", "[stages]") {
  const auto [address, fault] = GENERATE(table<std::string, LinkFault>({
      {"mqtt://a", LinkFault::none},
      {"mqtts://a", LinkFault::tls},
      {"ws://a", LinkFault::http},
  }));
  LinkOptions options = options_for(address);
  options.tls = *transport::LinkTls::load({});
  const auto fault_of = [](const LinkOptions& of) {
    LinkStages stages(of);
    mqtt::ByteBuffer wire;
    stages.begin(wire);
    if (!stages.is_open()) CHECK(stages.timed_out().fault == LinkFault::timeout);
    return stages.socket_ended().fault;
  };
  CHECK(fault_of(options) == fault);
  options.proxy = {.host = "proxy"};
  CHECK(fault_of(options) == LinkFault::proxy);
}
