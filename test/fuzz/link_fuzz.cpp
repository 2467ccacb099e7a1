// A hostile server, or a hostile proxy, at the other end of a link: nonsense in place of HTTP, a
// good answer with nonsense behind it, frames of all kinds. Cuts change nothing, and the client's
// own frames stay sound.

#include <optional>
#include <string>

#include "test/fuzz/input.h"
#include "transport/link/stages.h"
#include "transport/websocket.h"
#include "transport/websocket_handshake.h"

namespace {

using fuzz::require;
using transport::LinkEnd;
using transport::LinkFault;
using transport::LinkOptions;
using transport::LinkStages;

struct Way {
  const char* address;
  bool has_proxy;
};
constexpr Way ways[] = {{"ws://a/x", false}, {"ws://a/x", true}, {"a", true}, {"a", false}};
constexpr std::string_view ping{"\xC0\x00", 2};
constexpr std::string_view connected = "HTTP/1.1 200 OK\r\n\r\n";

LinkOptions options_of(const Way& way) {
  LinkOptions options;
  options.address = *transport::LinkAddress::parse(way.address);
  if (way.has_proxy) options.proxy = {.host = "p"};
  return options;
}

/// The answer that a server gives to the request in `wire`.
std::string accepting(std::string_view wire) {
  constexpr std::string_view name = "Sec-WebSocket-Key: ";
  const std::size_t at = wire.find(name);
  require(at != wire.npos, "a request has a key");
  const std::string_view key = wire.substr(at + name.size(), 24);
  return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " +
         transport::accept_value(key) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
}

struct Heard {
  std::string mqtt;
  std::optional<LinkEnd> end;
  bool is_open = false;
};

/// One link, from its beginning to the end of what the server says.
class Story {
 public:
  Story(const LinkOptions& options, std::size_t step) : stages_(options), step_(step) {}

  Heard run(std::string_view nonsense, bool accepts_proxy, bool accepts_websocket) {
    stages_.begin(wire_);
    if (accepts_proxy) hear(connected);
    const std::string_view sent = mqtt::as_text(wire_.view());
    if (accepts_websocket && sent.find("Upgrade") != sent.npos) {
      const std::string answer = accepting(sent);
      wire_.clear();
      hear(answer);
      require(stages_.is_open(), "a good answer opens");
    }
    if (stages_.is_open()) wire_.clear();
    was_open_ = stages_.is_open();
    hear(nonsense);
    heard_.is_open = stages_.is_open();
    heard_.end = stages_.end();
    require(!heard_.end || !heard_.end->text.empty(), "an end has a reason");
    require(!(heard_.is_open && heard_.end), "an end is not open");
    speak();
    return heard_;
  }
  /// A server's reading of the client's frames.
  void check_frames() {
    if (!was_open_) return;
    transport::WebSocketReader server;
    const auto input = server.read({wire_.data(), wire_.size()});
    require(input.end != transport::WebSocketInput::End::failed, "the client's frames are sound");
    require(mqtt::as_text(input.payload) == (heard_.is_open ? ping : ""), "and say what was said");
  }

 private:
  void hear(std::string_view bytes) {
    while (!bytes.empty() && !stages_.end()) {
      const auto piece = fuzz::exact_copy(bytes.substr(0, step_));
      heard_.mqtt += mqtt::as_text(stages_.read(piece, wire_));
      bytes.remove_prefix(piece.size());
    }
  }
  void speak() {
    if (heard_.is_open) {
      mqtt::ByteBuffer packets;
      packets.append(ping);
      stages_.write(packets, wire_);
      require(packets.empty(), "packets are taken");
    }
    stages_.close(wire_);
  }

  LinkStages stages_;
  std::size_t step_;
  mqtt::ByteBuffer wire_;
  Heard heard_;
  bool was_open_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Way& way = input.pick(ways);
  const LinkOptions options = options_of(way);
  const unsigned bits = input.byte();
  const bool accepts_proxy = way.has_proxy && (bits & 1U) != 0;
  const bool accepts_websocket = options.address.has_websocket() && (bits & 2U) != 0;
  const std::size_t step = 1U + input.byte() % 64U;
  const std::string_view nonsense = input.rest();

  Story at_once(options, std::max<std::size_t>(nonsense.size(), 1000));
  const Heard whole = at_once.run(nonsense, accepts_proxy, accepts_websocket);
  Story in_pieces(options, step);
  const Heard cut = in_pieces.run(nonsense, accepts_proxy, accepts_websocket);
  if (accepts_websocket) {
    at_once.check_frames();
    in_pieces.check_frames();
  }
  // The first bytes of plain MQTT are looked at as they come.
  if (!options.address.has_websocket()) return 0;
  if (whole.end.has_value() != cut.end.has_value()) {
    // The reason in a Close has to be UTF-8: wslay may refuse it before all of it has come.
    const LinkEnd& early = whole.end ? *whole.end : *cut.end;
    require(early.fault == LinkFault::websocket, "cuts change nothing");
    return 0;
  }
  require(whole.is_open == cut.is_open, "cuts change nothing");
  require(!whole.end || whole.end->fault == cut.end->fault, "nor why it ends");
  if (!whole.end) require(whole.mqtt == cut.mqtt, "nor what is heard");
  return 0;
}
