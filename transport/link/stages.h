// transport/link/stages.h
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/link/link.h"
#include "transport/link/options.h"

namespace transport {

/// All stages of a link in a row: bytes of the wire on one side, MQTT on the other.
///
/// Lifetime   One for each connection.
/// Threads    None. No I/O, no clock.
class LinkStages {
 public:
  explicit LinkStages(const LinkOptions& options) : options_(options) {}

  /// TCP is connected: the first bytes of the first stage.
  void begin(mqtt::ByteBuffer& wire);
  /// Reads bytes of the wire, and appends the stages' answers to `wire`.
  ///
  /// Returns   MQTT bytes; they stay in place until the next call, or as long as `bytes`.
  [[nodiscard]] mqtt::Bytes read(std::span<std::byte> bytes, mqtt::ByteBuffer& wire);
  /// Takes all of `packets`, whole MQTT packets. Requires is_open().
  void write(mqtt::ByteBuffer& packets, mqtt::ByteBuffer& wire);
  /// Says farewell, as far as the stages have a word for it.
  void close(mqtt::ByteBuffer& wire);

  /// MQTT may be spoken.
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// How it ended, if it has.
  [[nodiscard]] const std::optional<LinkEnd>& end() const noexcept { return end_; }
  /// The socket has ended: what that means to the stage at work.
  [[nodiscard]] LinkEnd socket_ended() const;
  /// The stage that is waited for, as the end of "no answer to …".
  [[nodiscard]] std::string_view awaited() const noexcept;
  /// "TLSv1.3 cipher … WebSocket", with a blank in front; empty for plain TCP.
  [[nodiscard]] std::string description() const;

 private:
  const LinkOptions& options_;
  std::optional<LinkEnd> end_;
  bool open_ = false;
};

}  // namespace transport
