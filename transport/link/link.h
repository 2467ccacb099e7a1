// transport/link/link.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <uv.h>

#include "broker/wire/bytes.h"
#include "transport/link/options.h"

namespace transport {

class Link;

/// The step of a link that failed.
enum class LinkFault : std::uint8_t {
  none,         ///< asked by close(), or the peer ended it in order
  name,         ///< the host's name is not known, or its domain has no SRV record
  network,      ///< refused, unreachable, reset, no such file of a unix socket
  timeout,      ///< no answer in time
  proxy,        ///< the proxy refused, or speaks another protocol
  tls,          ///< the handshake failed; the port speaks no TLS
  certificate,  ///< the server's is not trusted, or is another host's
  http,         ///< the WebSocket was refused; `status` has the answer's
  websocket,    ///< the peer broke RFC 6455, or closed with an error code
};

/// How a link ended.
struct LinkEnd {
  LinkFault fault = LinkFault::none;
  /// Of HTTP: of the proxy, or of the server; 407 also if a SOCKS proxy wants a login; 0: none.
  unsigned status = 0;
  /// Why, for the log and for people: a sentence without its full stop, with the address and,
  /// where there is one, a remedy.
  std::string text{};
};

/// The owner of a link hears from it. All calls come from the loop, never from within a call of the
/// link's. Each may call anything of the link, and may destroy it.
class LinkUser {
 public:
  /// MQTT may be spoken: client::Client::opened().
  virtual void link_opened() = 0;
  /// MQTT bytes, in order, cut anywhere. They are gone when the call returns.
  virtual void link_received(mqtt::Bytes bytes) = 0;
  /// After write() has not taken everything: it will take more. Or after tell_when_sent().
  virtual void link_writable() = 0;
  /// It is over, or did not come about; open() may follow.
  virtual void link_closed(const LinkEnd& end) = 0;

 protected:
  ~LinkUser() = default;
};

/// A byte stream to an MQTT server, opened in steps, each left out if the address does not have it:
///
///   SRV records ──▶ addresses race ──▶ a proxy ──▶ TLS ──▶ WebSocket ──▶ MQTT bytes
///   (SrvLookup)     (Connector)        (requests.h, (LinkTlsStage)
///                                       SocksHandshake)    (requests.h, WebSocketClient)
///
/// Shape      The stages (LinkStages) do no I/O; this class moves bytes between them and a socket.
/// Lifetime   libuv's part of a connection outlives the link for as long as libuv needs it: the
///            loop has to run until its handles are closed.
/// Bounds     Unsent bytes: see LinkOptions. Received ones are not kept.
/// Threads    Its loop's: one of the broker, or the one of a ClientRunner.
class Link {
 public:
  Link(uv_loop_t* loop, LinkUser& user) noexcept : loop_(loop), user_(&user) {}
  /// As cancel().
  ~Link() { cancel(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Begins; link_opened() or link_closed() comes later.
  ///
  /// Requires  is_idle().
  void open(const LinkOptions& options);
  /// Sends whole MQTT packets, at once as far as the socket takes them. Bytes that are taken are
  /// consumed from `packets`: all, or nothing if too much is unsent; link_writable() comes then.
  ///
  /// Requires  is_open().
  void write(mqtt::ByteBuffer& packets);
  /// Has link_writable() called once, when the socket has taken everything.
  ///
  /// Requires  unsent() is not 0.
  void tell_when_sent();
  /// Whether link_received() is wanted; true at first. For client::Client::wants_input().
  void set_reading(bool on);
  /// Ends in order: unsent bytes leave, then a Close frame and TLS's close_notify as far as
  /// there are any, and the peer's end is waited for, close_milliseconds long. link_closed() comes.
  /// Nothing if it is idle.
  void close();
  /// Ends at once; no call of the user follows. Unsent bytes are lost.
  void cancel();

  /// There is no connection, and none is under way.
  [[nodiscard]] bool is_idle() const noexcept { return job_ == nullptr; }
  /// Between link_opened() and close() or link_closed().
  [[nodiscard]] bool is_open() const noexcept;
  /// Bytes that the socket has not taken.
  [[nodiscard]] std::size_t unsent() const noexcept;
  /// "192.0.2.1:8883 TLSv1.3 cipher TLS_AES_256_GCM_SHA384 WebSocket": for the log. Empty unless
  /// is_open().
  [[nodiscard]] std::string description() const;

 private:
  class Job;

  uv_loop_t* loop_;
  LinkUser* user_;
  Job* job_ = nullptr;  // owns itself, and forgets the link when that gives it up
};

}  // namespace transport
