#include "transport/link/socks.h"

#include <algorithm>
#include <sys/socket.h>
#include <utility>

#include "transport/peer_address.h"

namespace transport {
namespace {

constexpr char socks_version = 5;
constexpr char login_version = 1;
constexpr char no_login = 0;
constexpr char name_and_password = 2;

// The kinds of address in a request and an answer.
constexpr char ipv4_kind = 1;
constexpr char name_kind = 3;
constexpr char ipv6_kind = 4;

constexpr std::size_t ipv4_bytes = 4;
constexpr std::size_t ipv6_bytes = 16;

char byte_of(std::size_t number) { return static_cast<char>(number & 0xFFU); }

/// A text of at most 255 bytes behind its length; more is cut, and the options do not allow more.
std::string counted(const std::string& text) {
  const std::string cut = text.substr(0, socks_text_bytes_max);
  return byte_of(cut.size()) + cut;
}

/// Why a proxy has not connected (RFC 1928, section 6), with a remedy where there is one.
std::string reply_text(unsigned char reply) {
  switch (reply) {
    case 1:
      return "has a general failure: its log may say more";
    case 2:
      return "does not allow this: its rules leave out this host or port";
    case 3:
      return "does not reach the server's network";
    case 4:
      return "does not reach the server, or does not know its name";
    case 5:
      return "is refused by the server: nothing may listen at this port";
    case 6:
      return "gets no answer from the server in time";
    case 7:
      return "knows no CONNECT";
    case 8:
      return "knows no addresses of this kind: try a name in place of an address";
    default:
      return "refuses with code " + std::to_string(reply);
  }
}

}  // namespace

void SocksHandshake::begin(mqtt::ByteBuffer& wire) const {
  std::string methods{no_login};
  if (proxy_.user_name) methods += name_and_password;
  wire.append(std::string{socks_version} + counted(methods));
}

SocksHandshake::Result SocksHandshake::read(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  Result result;
  while (result.progress == Progress::incomplete && result.used < bytes.size()) {
    const mqtt::Bytes rest = bytes.subspan(result.used);
    const std::size_t count = std::min(answer_size() - answer_.size(), rest.size());
    answer_ += mqtt::as_text(rest.first(count));
    result.used += count;
    if (answer_.front() != (step_ == Step::login ? login_version : socks_version)) {
      result.progress = refuse("speaks no SOCKS5: it may be a proxy of HTTP");
    } else if (answer_.size() == answer_size() || has_refusal()) {
      result.progress = take_answer(wire);
    }
  }
  return result;
}

bool SocksHandshake::has_refusal() const noexcept {
  return step_ == Step::request && answer_.size() >= 2 && answer_[1] != 0;
}

std::size_t SocksHandshake::answer_size() const noexcept {
  constexpr std::size_t short_bytes = 2;
  constexpr std::size_t head_bytes = 5;  // up to the length of a name
  constexpr std::size_t port_bytes = 2;
  if (step_ != Step::request) return short_bytes;
  if (answer_.size() < head_bytes) return head_bytes;
  const std::size_t before = head_bytes - 1;
  switch (answer_[3]) {
    case ipv4_kind:
      return before + ipv4_bytes + port_bytes;
    case ipv6_kind:
      return before + ipv6_bytes + port_bytes;
    case name_kind:
      return head_bytes + static_cast<unsigned char>(answer_[4]) + port_bytes;
    default:
      return head_bytes;  // take_reply() refuses it
  }
}

SocksHandshake::Progress SocksHandshake::take_answer(mqtt::ByteBuffer& wire) {
  const Progress progress = step_ == Step::method  ? take_method(wire)
                            : step_ == Step::login ? take_login(wire)
                                                   : take_reply();
  answer_.clear();
  return progress;
}

SocksHandshake::Progress SocksHandshake::take_method(mqtt::ByteBuffer& wire) {
  if (answer_[1] == no_login) {
    send_request(wire);
    step_ = Step::request;
    return Progress::incomplete;
  }
  if (answer_[1] == name_and_password && proxy_.user_name) {
    send_login(wire);
    step_ = Step::login;
    return Progress::incomplete;
  }
  wants_login_ = !proxy_.user_name;
  return refuse(wants_login_ ? "wants a login" : "takes no login by user name and password");
}

SocksHandshake::Progress SocksHandshake::take_login(mqtt::ByteBuffer& wire) {
  if (answer_[1] != 0) {
    wants_login_ = true;
    return refuse("refuses the user name or the password");
  }
  send_request(wire);
  step_ = Step::request;
  return Progress::incomplete;
}

SocksHandshake::Progress SocksHandshake::take_reply() {
  const auto reply = static_cast<unsigned char>(answer_[1]);
  if (reply != 0) return refuse(reply_text(reply));
  const char kind = answer_[3];
  if (kind != ipv4_kind && kind != ipv6_kind && kind != name_kind) {
    return refuse("answers with an unknown kind of address");
  }
  return Progress::complete;
}

SocksHandshake::Progress SocksHandshake::refuse(std::string why) {
  why_ = std::move(why);
  return Progress::refused;
}

void SocksHandshake::send_login(mqtt::ByteBuffer& wire) const {
  wire.append(std::string{login_version} + counted(*proxy_.user_name) + counted(proxy_.password));
}

void SocksHandshake::send_request(mqtt::ByteBuffer& wire) const {
  constexpr char connect = 1;
  std::string request{socks_version, connect, 0};
  if (const auto address = PeerAddress::parse(address_.host)) {
    const std::size_t size = address->family() == AF_INET ? ipv4_bytes : ipv6_bytes;
    request += address->family() == AF_INET ? ipv4_kind : ipv6_kind;
    for (const auto byte : address->bytes().first(size)) request += static_cast<char>(byte);
  } else {
    request += name_kind;
    request += counted(address_.host);
  }
  request += byte_of(address_.port >> 8U);
  request += byte_of(address_.port);
  wire.append(request);
}

}  // namespace transport
