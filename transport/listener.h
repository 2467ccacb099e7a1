// transport/listener.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "transport/connection_count.h"
#include "transport/descriptor.h"
#include "transport/http_routes.h"
#include "transport/options.h"
#include "transport/tls_context.h"

namespace transport {

/// A place where clients come in, bound and listening.
///
/// Shape      One or two sockets: without an address IPv4 and IPv6 get one each. All loops accept
///            from the same sockets, each through a dup of its own.
/// Invariant  The bind is exclusive: a second process on the same port fails to open.
/// Lifetime   Bound from open() until retire(), or until it is destroyed, which also removes a unix
///            socket's file. Clients that connect before the loops run wait in the backlog. Each of
///            its connections keeps it: the options at the connection's start stay in force.
/// Threads    Options never change; the count of connections is atomic, and a lock guards tls() and
///            http().
///            Sockets are for the thread that opens and retires, and for those it tells of them.
class Listener {
 public:
  /// How many clients may wait to be accepted, as far as the system allows.
  static constexpr int backlog = 4096;

  /// Binds and listens. Call it before privileges are dropped.
  ///
  /// Errors    One sentence that names the place and the reason. A unix socket's file that nobody
  ///           answers on is replaced; one that somebody answers on is an error.
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> open(
      const ListenerOptions& options);
  /// The same with sockets that listen already, of any origin: nothing is bound, and a unix
  /// socket's file stays.
  ///
  /// Errors    One sentence: one of them does not listen, or others may share it (SO_REUSEPORT).
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> adopt(
      const ListenerOptions& options, std::vector<Descriptor> sockets);
  /// As open(), though `others` hold addresses that overlap: 127.0.0.1:1883 beside 0.0.0.0:1883.
  /// They are to be retired next; until then the kernel gives clients to the closer match.
  ///
  /// Shape     SO_REUSEPORT stands at all of them for as long as it takes to bind, and no longer.
  ///           Nobody is without a listener for a moment, and a failure leaves all as it was. It
  ///           asks that the sockets belong to the user of this process.
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> open_beside(
      const ListenerOptions& options, std::span<const std::shared_ptr<Listener>> others);
  /// One with other options on the same sockets, and with the same count of connections: it takes
  /// the place of this one, which is to be retired then.
  ///
  /// Requires  same_place().
  /// Errors    One sentence, when descriptors ran out.
  [[nodiscard]] std::expected<std::unique_ptr<Listener>, std::string> succeed(
      const ListenerOptions& options) const;
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const ListenerOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::span<const int> sockets() const noexcept { return sockets_; }
  /// The port that is bound: the one asked for, or the one that was free. 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Whether its sockets were made elsewhere: see adopt().
  [[nodiscard]] bool adopted() const noexcept { return adopted_; }
  /// Whether the unix socket's file was made here, and goes with this.
  [[nodiscard]] bool made_file() const noexcept { return made_file_; }
  /// Where clients come in, for log lines: "port 1883", "unix socket /run/darter/mqtt.sock".
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool is_unix() const noexcept { return port_ == 0; }
  [[nodiscard]] ConnectionCount& connections() noexcept { return *connections_; }

  /// Closes the sockets; connections stay. A successor has them still, and takes a unix socket's
  /// file over; without one (null) the file is removed.
  ///
  /// Requires  No loop accepts here any more.
  void retire(Listener* successor) noexcept;

  /// Sets the context of TLS handshakes from now on. Safe from any thread.
  ///
  /// Requires  ListenerOptions::tls, and a first call before the loops start.
  void set_tls(std::shared_ptr<const TlsContext> context);
  [[nodiscard]] std::shared_ptr<const TlsContext> tls() const;

  /// The handlers of requests that open no WebSocket, from now on. Safe from any thread. Null, as
  /// before the first call: they are refused as a WebSocket's.
  void set_http(std::shared_ptr<const HttpRoutes> routes);
  [[nodiscard]] std::shared_ptr<const HttpRoutes> http() const;

 private:
  explicit Listener(const ListenerOptions& options);
  [[nodiscard]] std::expected<void, std::string> adopt_one(Descriptor socket);
  [[nodiscard]] std::expected<void, std::string> open_unix();
  [[nodiscard]] std::expected<void, std::string> open_tcp(bool beside);

  ListenerOptions options_;
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
  bool adopted_ = false;
  bool made_file_ = false;                        // the unix socket's file is ours to remove
  std::shared_ptr<ConnectionCount> connections_;  // with its predecessor and its successor
  mutable std::mutex mutex_;                      // guards tls_ and http_
  std::shared_ptr<const TlsContext> tls_;
  std::shared_ptr<const HttpRoutes> http_;
};

/// Is this a socket of IPv6?
[[nodiscard]] bool is_ipv6(int socket) noexcept;

}  // namespace transport
