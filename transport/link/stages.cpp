#include "transport/link/stages.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <system_error>
#include <utility>

#include "transport/http.h"
#include "transport/link/requests.h"

namespace transport {
namespace {

constexpr unsigned proxy_login_status = 407;

/// The size of an answer's text for people, if it is a short one; 0: there is none.
std::size_t text_size(const HttpAnswer& answer) noexcept {
  constexpr std::size_t bytes_max = 1000;
  if (!answer.value("content-type").starts_with("text/plain")) return 0;
  const std::string_view length = answer.value("content-length");
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), size);
  return error == std::errc() && size <= bytes_max ? size : 0;
}

}  // namespace

void LinkStages::begin(mqtt::ByteBuffer& wire) {
  assert(stage_ == Stage::none);
  if (!options_.proxy || options_.address.is_unix()) return begin_tls(wire);
  stage_ = Stage::proxy;
  if (options_.proxy->kind == LinkProxy::Kind::socks) {
    socks_.emplace(options_.address, *options_.proxy).begin(wire);
    return;
  }
  answer_.emplace();
  wire.append(connect_request(options_.address, *options_.proxy));
}

void LinkStages::begin_tls(mqtt::ByteBuffer& wire) {
  if (!options_.address.has_tls()) return begin_upgrade(wire);
  assert(options_.tls != nullptr);
  stage_ = Stage::tls;
  const std::string& host = options_.checked_host;
  tls_.emplace(options_.tls, host.empty() ? options_.address.host : host);
  tls_->begin(wire);
  if (tls_->state() == LinkTlsStage::State::failed) fail(tls_->fault(), tls_->why());
}

void LinkStages::begin_upgrade(mqtt::ByteBuffer& wire) {
  if (!options_.address.has_websocket()) {
    stage_ = Stage::open;
    return;
  }
  stage_ = Stage::upgrade;
  answer_.emplace();
  key_ = make_websocket_key();
  send(mqtt::as_bytes(upgrade_request(options_, key_)), wire);
}

mqtt::Bytes LinkStages::read(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  if (stage_ == Stage::proxy) bytes = read_proxy(bytes, wire);
  if (tls_) bytes = read_tls(bytes, wire);
  if (stage_ == Stage::upgrade) bytes = read_upgrade(bytes);
  if (websocket_) bytes = read_frames(bytes, wire);
  if (first_ && !bytes.empty()) {
    first_ = false;
    if (!tls_ && !websocket_ && !may_be_mqtt(bytes)) return {};
  }
  return bytes;
}

template <typename Judge>
std::optional<mqtt::Bytes> LinkStages::read_answer(mqtt::Bytes bytes, LinkFault fault,
                                                   Judge judge) {
  using Progress = HttpAnswerReader::Progress;
  if (bytes.empty()) return std::nullopt;
  if (refusal_) {
    read_refusal(bytes);
    return std::nullopt;
  }
  const auto [progress, used] = answer_->read(bytes);
  if (progress == Progress::incomplete) return std::nullopt;
  if (progress == Progress::malformed) {
    fail(fault, fault == LinkFault::proxy ? "the proxy's answer is no HTTP"
                                          : "the port speaks no HTTP: is it one of WebSockets?");
    return std::nullopt;
  }
  if (progress == Progress::too_large) {
    fail(fault, "the head of the HTTP answer is larger than 16 KiB");
    return std::nullopt;
  }
  std::optional<LinkEnd> refused = judge(answer_->answer());
  const std::size_t text_bytes = refused ? text_size(answer_->answer()) : 0;
  answer_.reset();
  bytes = bytes.subspan(used);
  if (!refused) return bytes;
  refusal_.emplace(Refusal{std::move(*refused), {}, text_bytes});
  read_refusal(bytes);
  return std::nullopt;
}

void LinkStages::read_refusal(mqtt::Bytes bytes) {
  const std::size_t count = std::min(bytes.size(), refusal_->bytes_left);
  refusal_->text += mqtt::as_text(bytes.first(count));
  refusal_->bytes_left -= count;
  if (refusal_->bytes_left == 0) finish(refusal_end());
}

LinkEnd LinkStages::refusal_end() const {
  LinkEnd end = refusal_->end;
  const std::string_view all = refusal_->text;
  const std::string_view line = all.substr(0, all.find_first_of("\r\n"));
  if (!line.empty()) end.text += " (its own words: \"" + printable(line) + "\")";
  return end;
}

mqtt::Bytes LinkStages::read_proxy(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  if (socks_) return read_socks(bytes, wire);
  const auto rest = read_answer(bytes, LinkFault::proxy, [this](const HttpAnswer& answer) {
    return judge_connect(answer, options_);
  });
  if (!rest) return {};
  begin_tls(wire);
  return *rest;
}

mqtt::Bytes LinkStages::read_socks(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  using Progress = SocksHandshake::Progress;
  const auto [progress, used] = socks_->read(bytes, wire);
  if (progress == Progress::incomplete) return {};
  if (progress == Progress::refused) {
    const LinkProxy& proxy = *options_.proxy;
    fail(LinkFault::proxy, "the proxy " + printable(proxy.host) + ":" + std::to_string(proxy.port) +
                               " " + socks_->why());
    if (socks_->wants_login()) end_->status = proxy_login_status;
    return {};
  }
  begin_tls(wire);
  return bytes.subspan(used);
}

mqtt::Bytes LinkStages::read_tls(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  using State = LinkTlsStage::State;
  plain_.clear();
  if (!bytes.empty()) tls_->read(bytes, plain_, wire);
  if (stage_ == Stage::tls && tls_->state() == State::open) begin_upgrade(wire);
  if (tls_->state() == State::failed) fail(tls_->fault(), tls_->why());
  if (tls_->state() == State::ended) finish(socket_ended());
  return plain_.view();
}

mqtt::Bytes LinkStages::read_upgrade(mqtt::Bytes bytes) {
  const auto rest = read_answer(bytes, LinkFault::http, [this](const HttpAnswer& answer) {
    return judge_upgrade(answer, key_, options_);
  });
  if (!rest) return {};
  stage_ = Stage::open;
  websocket_.emplace();
  return *rest;
}

mqtt::Bytes LinkStages::read_frames(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  payload_.clear();
  frames_.clear();
  websocket_->read(bytes, payload_, frames_);
  send(frames_.view(), wire);
  if (websocket_->end()) {
    const LinkEnd& end = *websocket_->end();
    finish({end.fault, 0, options_.address.text() + ": " + end.text});
  }
  return payload_.view();
}

bool LinkStages::may_be_mqtt(mqtt::Bytes bytes) {
  // An alert of TLS would be a packet that only clients send; an answer of HTTP begins as no
  // packet.
  constexpr std::byte tls_alert{0x15};
  if (bytes.front() == tls_alert) {
    fail(LinkFault::tls, "the port speaks TLS: use mqtts://, or wss:// for WebSockets");
  } else if (mqtt::as_text(bytes).starts_with("HTTP/")) {
    fail(LinkFault::http, "the port speaks HTTP: use ws://, or wss:// for TLS");
  }
  return stage_ == Stage::open;
}

void LinkStages::write(mqtt::ByteBuffer& packets, mqtt::ByteBuffer& wire) {
  assert(is_open());
  if (websocket_) {
    frames_.clear();
    websocket_->write(packets.view(), frames_);
    send(frames_.view(), wire);
  } else if (!tls_ && wire.empty()) {
    std::swap(wire, packets);
  } else {
    send(packets.view(), wire);
  }
  packets.clear();
}

void LinkStages::close(mqtt::ByteBuffer& wire) {
  if (websocket_) {
    frames_.clear();
    websocket_->close(frames_);
    send(frames_.view(), wire);
  }
  if (tls_) tls_->close(wire);
}

void LinkStages::send(mqtt::Bytes bytes, mqtt::ByteBuffer& wire) {
  if (tls_) {
    tls_->write(bytes, wire);
  } else {
    wire.append(bytes);
  }
}

void LinkStages::fail(LinkFault fault, std::string_view text) {
  finish({fault, 0, options_.address.text() + ": " + std::string(text)});
}

void LinkStages::finish(LinkEnd end) {
  stage_ = Stage::ended;
  if (!end_) end_ = std::move(end);
}

LinkEnd LinkStages::socket_ended() const {
  if (refusal_) return refusal_end();
  const std::string start = options_.address.text() + ": ";
  switch (stage_) {
    case Stage::proxy:
      return {LinkFault::proxy, 0, start + "the proxy closed the connection without an answer"};
    case Stage::tls:
      return {
          LinkFault::tls, 0,
          start +
              "the server closed the connection during the TLS handshake: the port may speak no "
              "TLS"};
    case Stage::upgrade:
      return {LinkFault::http, 0,
              start +
                  "the server closed the connection without an answer to the WebSocket's request: "
                  "the port may speak no HTTP, or TLS only"};
    default:
      return {LinkFault::none, 0, start + "the server closed the connection"};
  }
}

LinkEnd LinkStages::timed_out() const {
  if (refusal_) return refusal_end();
  std::string_view awaited = "the TLS handshake";
  if (stage_ == Stage::proxy) awaited = "the request to the proxy";
  if (stage_ == Stage::upgrade) awaited = "the WebSocket's request";
  return {LinkFault::timeout, 0,
          options_.address.text() + ": no answer to " + std::string(awaited) + " in time"};
}

std::string LinkStages::description() const {
  std::string text;
  if (tls_) text += " " + tls_->description();
  if (websocket_) text += " WebSocket";
  return text;
}

}  // namespace transport
