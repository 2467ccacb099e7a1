#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <unordered_map>

#include "tools/null-relay/peer.h"
#include "tools/null-relay/switchboard.h"
#include "tools/null-relay/turn.h"
#include "tools/socket/descriptor.h"
#include "tools/socket/poller.h"

namespace relay {

/// A relay on a port of 127.0.0.1: accepts, reads, and lets the switchboard do the rest.
///
/// Threads    One.
class Relay {
 public:
  /// Errors    One sentence: the port is taken, or not for this user.
  [[nodiscard]] static std::expected<std::unique_ptr<Relay>, std::string> listen(
      std::uint16_t port);

  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Serves until there is something to read at `end`, a descriptor of the caller's.
  void serve_until_readable(int end);

 private:
  explicit Relay(sockets::Descriptor listener);

  void handle(Peer& peer, std::uint32_t events);
  void accept_all();
  void read(Peer& peer);
  void remove(Peer& peer);

  sockets::Descriptor listener_;
  sockets::Poller poller_;
  Turn turn_{poller_};
  Switchboard switchboard_{turn_};
  std::unordered_map<Peer*, std::unique_ptr<Peer>> peers_;
};

}  // namespace relay
