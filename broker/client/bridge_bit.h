// broker/client/bridge_bit.h
#pragma once

namespace client {

/// Whether the next CONNECT has the bridge's bit in its protocol level.
///
/// Shape      A server that refuses the protocol version because of it says so, or closes the
///            connection without a word. In the second case the bit may not have been the reason,
///            so it comes back when it was left out in vain. A server that has accepted it once is
///            one that takes it: what closes later is a proxy whose server is away, and without the
///            bit that server would send every message back.
/// Source     Mosquitto's try_private.
class BridgeBit {
 public:
  explicit BridgeBit(bool wanted) noexcept : wanted_(wanted), set_(wanted) {}

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  /// CONNACK refuses the protocol version.
  void refused() noexcept {
    if (set_) wanted_ = set_ = false;
  }
  /// The connection closed without CONNACK.
  void closed_silently() noexcept {
    if (!proven_) set_ = wanted_ && !set_;
  }
  /// The server has accepted the connection.
  void accepted() noexcept { proven_ = set_; }

 private:
  bool wanted_;
  bool set_;
  bool proven_ = false;  // accepted with the last CONNECT that was
};

}  // namespace client
