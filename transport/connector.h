// transport/connector.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <uv.h>

#include "transport/address_race.h"
#include "transport/descriptor.h"
#include "transport/peer_address.h"

namespace transport {

/// The options of a socket that connects.
struct SocketOptions {
  std::string bind_address{};  // an address of this machine; empty: the system's choice
  RaceTimes times{};
  /// TCP keepalive (0: off): how long the connection is silent before the first probe, the time
  /// between probes, and how many go unanswered before the connection counts as lost.
  std::uint32_t keepalive_idle_seconds = 0;
  std::uint32_t keepalive_interval_seconds = 0;
  std::uint32_t keepalive_probes = 0;
  /// How long sent data may go unacknowledged (TCP_USER_TIMEOUT); 0: the system's choice.
  std::uint32_t user_timeout_milliseconds = 0;

  bool operator==(const SocketOptions&) const = default;
};

/// The target of a connection.
struct ConnectTarget {
  std::string host{};  // a name, or an address without brackets
  std::uint16_t port = 1883;
  std::string unix_path{};  // the file of a unix socket, in place of host and port
  SocketOptions socket{};
};

/// A connection that is there.
struct OpenedSocket {
  Descriptor socket;    // does not block
  PeerAddress address;  // that answered
};

/// Why there is no connection.
struct ConnectFailure {
  enum class Cause : std::uint8_t {
    name,     ///< of the name: it is not known, or has no address
    network,  ///< of the last address that failed, or of the options
    timeout,  ///< of the time
  };
  Cause cause = Cause::network;
  std::string text;  // a sentence without its full stop, with the name or the address
};

/// Opens a TCP connection to a name, without a wait of its loop: the name is resolved by
/// getaddrinfo in a thread of libuv's pool, then the addresses race. A unix socket connects at
/// once, or not at all.
///
/// Lifetime   An attempt's handles of libuv outlive the connector for as long as libuv needs them:
///            the loop has to run until its handles are closed.
/// Threads    Its loop's. A resolver that does not answer keeps a thread of the pool, of which
///            libuv has four.
class Connector {
 public:
  using Done = std::function<void(std::expected<OpenedSocket, ConnectFailure>)>;

  explicit Connector(uv_loop_t* loop) noexcept : loop_(loop) {}
  /// As cancel().
  ~Connector() { cancel(); }
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// Calls `done` once, later, unless cancel() comes first. `done` may call connect() again.
  ///
  /// Requires  busy() is false.
  void connect(const ConnectTarget& target, Done done);
  /// Gives up: `done` is not called.
  void cancel();
  [[nodiscard]] bool busy() const noexcept { return job_ != nullptr; }

 private:
  class Job;

  uv_loop_t* loop_;
  Job* job_ = nullptr;  // owns itself, and forgets the connector when that gives it up
};

}  // namespace transport
