#include "transport/link/socks.h"

#include <catch2/catch.hpp>

#include "test/transport/pieces.h"

using transport::Cut;
using transport::LinkAddress;
using transport::LinkProxy;
using transport::SocksHandshake;
using Progress = SocksHandshake::Progress;

namespace {

const LinkProxy plain_proxy{.host = "proxy", .port = 1080, .kind = LinkProxy::Kind::socks};
const LinkProxy login_proxy{.host = "proxy",
                            .port = 1080,
                            .user_name = "ann",
                            .password = "word",
                            .kind = LinkProxy::Kind::socks};

std::string text_of(std::string_view bytes) { return std::string(bytes); }

/// A handshake, and the requests that it has sent.
struct Conversation {
  Conversation(std::string_view to, const LinkProxy& by)
      : address(*LinkAddress::parse(to)), handshake(address, by) {
    handshake.begin(wire);
  }
  std::string sent() {
    std::string text(mqtt::as_text(wire.view()));
    wire.clear();
    return text;
  }
  Progress read(std::string_view bytes, Cut cut = Cut::whole) {
    Progress progress = Progress::incomplete;
    for (const std::string& piece : transport::pieces(bytes, cut)) {
      if (progress != Progress::incomplete) {
        rest += piece;
        continue;
      }
      const auto result = handshake.read(mqtt::as_bytes(piece), wire);
      progress = result.progress;
      rest += piece.substr(result.used);
    }
    return progress;
  }

  LinkAddress address;
  SocksHandshake handshake;
  mqtt::ByteBuffer wire;
  std::string rest;  // behind the handshake
};

constexpr std::string_view no_login{"\x05\x00", 2};
constexpr std::string_view login{"\x05\x02", 2};
constexpr std::string_view name_request{
    "\x05\x01\x00\x03\x06"
    "a.test\x07\x5B",
    13};

}  // namespace

TEST_CASE("a SOCKS5 proxy is asked to connect to a name [RFC 1928]", "[socks]") {
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  Conversation talk("a.test:1883", plain_proxy);
  CHECK(talk.sent() == text_of({"\x05\x01\x00", 3}));
  CHECK(talk.read(no_login, cut) == Progress::incomplete);
  CHECK(talk.sent() == name_request);
  const auto reply = GENERATE(text_of({"\x05\x00\x00\x01\x7F\x00\x00\x01\x04\x38", 10}),
                              text_of({"\x05\x00\x00\x03\x02"
                                       "ab\x04\x38",
                                       9}),
                              text_of({"\x05\x00\x00\x03\x00\x04\x38", 7}),
                              "\x05" + std::string(2, '\0') + "\x04" + std::string(18, '\x05'));
  CHECK(talk.read(reply + "MQTT", cut) == Progress::complete);
  CHECK(talk.rest == "MQTT");
  CHECK(talk.sent().empty());
}

TEST_CASE("an address goes to a SOCKS5 proxy as an address", "[socks]") {
  const auto [address, request] = GENERATE(table<std::string, std::string>({
      {"192.0.2.1:8883", text_of({"\x05\x01\x00\x01\xC0\x00\x02\x01\x22\xB3", 10})},
      {"[2001:db8::1]:1", "\x05\x01" + std::string(1, '\0') + "\x04\x20\x01\x0D\xB8" +
                              std::string(11, '\0') + "\x01" + std::string(1, '\0') + "\x01"},
  }));
  Conversation talk(address, plain_proxy);
  static_cast<void>(talk.sent());
  CHECK(talk.read(no_login) == Progress::incomplete);
  CHECK(talk.sent() == request);
}

TEST_CASE("a SOCKS5 proxy is given a login if it wants one [RFC 1929]", "[socks]") {
  const auto cut = GENERATE(Cut::whole, Cut::bytes);
  Conversation talk("a.test:1883", login_proxy);
  CHECK(talk.sent() == text_of({"\x05\x02\x00\x02", 4}));
  SECTION("it does not") {
    CHECK(talk.read(no_login, cut) == Progress::incomplete);
    CHECK(talk.sent() == name_request);
  }
  SECTION("it takes it") {
    CHECK(talk.read(login, cut) == Progress::incomplete);
    CHECK(talk.sent() ==
          "\x01\x03"
          "ann\x04word");
    CHECK(talk.read({"\x01\x00", 2}, cut) == Progress::incomplete);
    CHECK(talk.sent() == name_request);
  }
  SECTION("it refuses it") {
    CHECK(talk.read(login, cut) == Progress::incomplete);
    CHECK(talk.read("\x01\x01", cut) == Progress::refused);
    CHECK(talk.handshake.why() == "refuses the user name or the password");
    CHECK(talk.handshake.wants_login());
  }
}

TEST_CASE("a SOCKS5 proxy's refusal is told, also if it is cut short", "[socks]") {
  const auto [reply, why] = GENERATE(table<std::string, std::string>({
      {text_of({"\x05\x02\x00\x01\0\0\0\0\0\0", 10}), "does not allow this"},
      {"\x05\x04", "does not reach the server, or does not know its name"},
      {"\x05\x05", "is refused by the server"},
      {"\x05\x63", "refuses with code 99"},
      {text_of({"\x05\x00\x00\x09\x00", 5}), "answers with an unknown kind of address"},
      {"HTTP/1.1 400 Bad Request\r\n", "speaks no SOCKS5"},
  }));
  Conversation talk("a.test:1883", plain_proxy);
  CHECK(talk.read(no_login) == Progress::incomplete);
  CHECK(talk.read(reply, GENERATE(Cut::whole, Cut::bytes)) == Progress::refused);
  CHECK(talk.handshake.why().starts_with(why));
  CHECK_FALSE(talk.handshake.wants_login());
}

TEST_CASE("a SOCKS5 proxy that knows no common login is told apart", "[socks]") {
  Conversation without("a.test:1883", plain_proxy);
  CHECK(without.read("\x05\xFF") == Progress::refused);
  CHECK(without.handshake.why() == "wants a login");
  CHECK(without.handshake.wants_login());
  Conversation with("a.test:1883", login_proxy);
  CHECK(with.read("\x05\xFF") == Progress::refused);
  CHECK(with.handshake.why() == "takes no login by user name and password");
  // It may not choose a method that was not offered.
  Conversation unasked("a.test:1883", plain_proxy);
  CHECK(unasked.read(login) == Progress::refused);
}
