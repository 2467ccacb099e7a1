// transport/link/stages.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/link/http_answer.h"
#include "transport/link/link.h"
#include "transport/link/options.h"
#include "transport/link/socks.h"
#include "transport/link/tls_stage.h"
#include "transport/link/websocket.h"

namespace transport {

/// All stages of a link in a row: bytes of the wire on one side, MQTT on the other.
///
/// Shape      Bytes that come go through TLS, if it has begun, and then to the stage at work:
///
///              proxy ──▶ tls ──▶ upgrade ──▶ open ──▶ ended
///
/// Lifetime   One for each connection; `options` outlives it.
/// Bounds     An HTTP head of 16 KiB, a kilobyte of text behind one that refuses, an unfinished
/// record of TLS, an unfinished frame's header. Threads    None. No I/O, no clock; random numbers
/// are OpenSSL's.
class LinkStages {
 public:
  explicit LinkStages(const LinkOptions& options) noexcept : options_(options) {}
  LinkStages(const LinkStages&) = delete;
  LinkStages& operator=(const LinkStages&) = delete;

  /// The socket is connected: appends the first bytes of the first stage.
  void begin(mqtt::ByteBuffer& wire);
  /// Reads bytes of the wire, all of them, and appends the stages' answers to `wire`.
  ///
  /// Returns   MQTT bytes, also those before an end. They stay in place until the next call, or as
  ///           long as `bytes`.
  [[nodiscard]] mqtt::Bytes read(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  /// Takes all of `packets`, whole MQTT packets. Requires is_open().
  void write(mqtt::ByteBuffer& packets, mqtt::ByteBuffer& wire);
  /// Says farewell, as far as the stages have a word for it.
  void close(mqtt::ByteBuffer& wire);

  /// MQTT may be spoken.
  [[nodiscard]] bool is_open() const noexcept { return stage_ == Stage::open; }
  /// How it ended, if it has.
  [[nodiscard]] const std::optional<LinkEnd>& end() const noexcept { return end_; }
  /// The socket has ended: the stage at work judges whether that is a fault.
  [[nodiscard]] LinkEnd socket_ended() const;
  /// The same of a time that is over. Requires that it is neither open nor ended.
  [[nodiscard]] LinkEnd timed_out() const;
  /// " TLSv1.3 cipher … WebSocket"; empty for plain TCP.
  [[nodiscard]] std::string description() const;

 private:
  enum class Stage : std::uint8_t { none, proxy, tls, upgrade, open, ended };

  /// A refusal by HTTP, and the text for people behind its head.
  struct Refusal {
    LinkEnd end;
    std::string text;
    std::size_t bytes_left = 0;
  };

  void begin_tls(mqtt::ByteBuffer& wire);
  void begin_upgrade(mqtt::ByteBuffer& wire);
  [[nodiscard]] mqtt::Bytes read_proxy(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  [[nodiscard]] mqtt::Bytes read_socks(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  [[nodiscard]] mqtt::Bytes read_tls(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  [[nodiscard]] mqtt::Bytes read_upgrade(mqtt::Bytes bytes);
  [[nodiscard]] mqtt::Bytes read_frames(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  /// Reads of the answer that is awaited; nothing unless it is complete, and good if `judge` says
  /// so.
  template <typename Judge>
  [[nodiscard]] std::optional<mqtt::Bytes> read_answer(mqtt::Bytes bytes, LinkFault fault,
                                                       Judge judge);
  void read_refusal(mqtt::Bytes bytes);
  [[nodiscard]] LinkEnd refusal_end() const;
  /// Sends through TLS, if there is any.
  void send(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);
  void fail(LinkFault fault, std::string_view text);
  void finish(LinkEnd end);
  /// Fails if the first bytes of a server on a port for plain MQTT are of another protocol.
  [[nodiscard]] bool may_be_mqtt(mqtt::Bytes bytes);

  const LinkOptions& options_;
  std::optional<LinkTlsStage> tls_;         // once it has begun
  std::optional<SocksHandshake> socks_;     // once it has begun
  std::optional<HttpAnswerReader> answer_;  // that is awaited
  std::optional<Refusal> refusal_;          // while its text is read
  std::optional<WebSocketClient> websocket_;
  std::string key_;           // of the WebSocket
  mqtt::ByteBuffer plain_;    // of TLS, from one read()
  mqtt::ByteBuffer payload_;  // of frames, from one read()
  mqtt::ByteBuffer frames_;   // scratch memory of one call
  std::optional<LinkEnd> end_;
  Stage stage_ = Stage::none;
  bool first_ = true;  // no MQTT byte has come
};

}  // namespace transport
