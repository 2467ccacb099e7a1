// transport/link/socks.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/link/options.h"

namespace transport {

/// The client's side of a SOCKS5 handshake: the proxy is asked to connect to the server's name.
///
/// Shape      greeting ──▶ login, if the proxy wants one ──▶ request ──▶ done
/// Invariant  No byte behind the handshake is used.
/// Lifetime   `address` and `proxy` outlive it.
/// Bounds     262 bytes of an unfinished answer.
/// Threads    None.
/// Source     RFC 1928, and RFC 1929 for the login. Names are resolved by the proxy (`socks5h`).
class SocksHandshake {
 public:
  enum class Progress : std::uint8_t { incomplete, complete, refused };
  struct Result {
    Progress progress = Progress::incomplete;
    std::size_t used = 0;  // of the bytes given
  };

  SocksHandshake(const LinkAddress& address, const LinkProxy& proxy) noexcept
      : address_(address), proxy_(proxy) {}

  /// Appends the greeting.
  void begin(mqtt::ByteBuffer& wire) const;
  /// Reads answers of the proxy, however they are cut, and appends the next requests to `wire`. To
  /// be called until it says something else than incomplete.
  [[nodiscard]] Result read(mqtt::Bytes bytes, mqtt::ByteBuffer& wire);

  /// Why the proxy does not connect, and a remedy: the end of a sentence without its full stop.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  /// Whether the proxy wants a login, or another one.
  [[nodiscard]] bool wants_login() const noexcept { return wants_login_; }

 private:
  enum class Step : std::uint8_t { method, login, request };

  /// The size of the answer that is awaited, as far as the bytes that have come tell it.
  [[nodiscard]] std::size_t answer_size() const noexcept;
  /// Whether the code of a refusal has come: a proxy may close the connection right behind it.
  [[nodiscard]] bool has_refusal() const noexcept;
  /// Takes a whole answer, or a refusal.
  [[nodiscard]] Progress take_answer(mqtt::ByteBuffer& wire);
  [[nodiscard]] Progress take_method(mqtt::ByteBuffer& wire);
  [[nodiscard]] Progress take_login(mqtt::ByteBuffer& wire);
  [[nodiscard]] Progress take_reply();
  [[nodiscard]] Progress refuse(std::string why);
  void send_login(mqtt::ByteBuffer& wire) const;
  void send_request(mqtt::ByteBuffer& wire) const;

  const LinkAddress& address_;
  const LinkProxy& proxy_;
  std::string answer_;  // the part that has come
  std::string why_;
  Step step_ = Step::method;
  bool wants_login_ = false;
};

}  // namespace transport
