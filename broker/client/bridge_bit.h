// broker/client/bridge_bit.h
#pragma once

namespace client {

/// Whether the next CONNECT has the bridge's bit in its protocol level.
///
/// Shape      A server that refuses the protocol version because of the bit says so, or closes the
///            connection without a word. So does a proxy whose server is away; and without the bit
///            that server, once it is back, would send every message back. So the bit is left out
///            for one CONNECT after `silences_max` silent ends in a row; and for good when that was
///            accepted twice in a row. A server that has accepted the bit is one that takes it.
/// Source     Mosquitto's try_private.
class BridgeBit {
 public:
  static constexpr int silences_max = 3;
  static constexpr int contrasts_max = 2;

  explicit BridgeBit(bool wanted) noexcept : wanted_(wanted), set_(wanted) {}

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  /// The client is about to connect.
  void begin() noexcept { set_ = wanted_ && (taken_ || silences_ < silences_max); }
  /// CONNACK refuses the protocol version.
  void refused() noexcept {
    if (set_) wanted_ = set_ = false;
  }
  /// The connection closed without CONNACK.
  void closed_silently() noexcept { silences_ = set_ ? silences_ + 1 : 0; }
  /// The server has accepted the connection.
  void accepted() noexcept {
    silences_ = 0;
    taken_ = taken_ || set_;
    contrasts_ = set_ ? 0 : contrasts_ + 1;
    if (contrasts_ == contrasts_max) wanted_ = false;
  }

 private:
  bool wanted_;
  bool set_;
  bool taken_ = false;  // by the server, at any time
  int silences_ = 0;    // ends without CONNACK in a row, with the bit
  int contrasts_ = 0;   // connections accepted without the bit in a row, after such ends
};

}  // namespace client
