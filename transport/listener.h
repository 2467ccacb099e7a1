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
#include "transport/options.h"
#include "transport/tls_context.h"

namespace transport {

/// A place where clients come in, bound and listening.
///
/// Shape      One or two sockets: without an address IPv4 and IPv6 get one each. All loops accept
///            from the same sockets, each through a dup of its own.
/// Invariant  The bind is exclusive: a second process on the same port fails to open.
/// Lifetime   Bound from open() until it is destroyed, which also removes a unix socket's file.
///            Clients that connect before the loops run wait in the backlog.
/// Threads    Immutable after open(), but for the count of connections, which is atomic, and for
///            tls(), which a lock guards.
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
  /// The same with sockets that listen already, whoever made them: nothing is bound, and a unix
  /// socket's file stays.
  ///
  /// Errors    One sentence: one of them does not listen, or others may share it (SO_REUSEPORT).
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> adopt(
      const ListenerOptions& options, std::vector<Descriptor> sockets);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const ListenerOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::span<const int> sockets() const noexcept { return sockets_; }
  /// The port that is bound: the one asked for, or the one that was free. 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Whether the unix socket's file was made here, and goes with this.
  [[nodiscard]] bool made_file() const noexcept { return made_file_; }
  /// Where clients come in, for log lines: "port 1883", "unix socket /run/darter/mqtt.sock".
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool is_unix() const noexcept { return port_ == 0; }
  [[nodiscard]] ConnectionCount& connections() noexcept { return connections_; }

  /// With what TLS handshakes are made from now on. Safe from any thread.
  ///
  /// Requires  ListenerOptions::tls, and a first call before the loops start.
  void set_tls(std::shared_ptr<const TlsContext> context);
  [[nodiscard]] std::shared_ptr<const TlsContext> tls() const;

 private:
  explicit Listener(const ListenerOptions& options);
  [[nodiscard]] std::expected<void, std::string> adopt_one(Descriptor socket);
  [[nodiscard]] std::expected<void, std::string> open_unix();
  [[nodiscard]] std::expected<void, std::string> open_tcp();

  ListenerOptions options_;
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
  bool made_file_ = false;  // the unix socket's file is ours to remove
  ConnectionCount connections_;
  mutable std::mutex tls_mutex_;
  std::shared_ptr<const TlsContext> tls_;  // under tls_mutex_
};

/// Is this a socket of IPv6?
[[nodiscard]] bool is_ipv6(int socket) noexcept;

}  // namespace transport
