// broker/server/activated_sockets.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transport/descriptor.h"
#include "transport/listener.h"
#include "transport/options.h"

namespace server {

/// A listening socket that was open before the broker was started.
struct ActivatedSocket {
  transport::Descriptor descriptor;
  std::string name;       ///< FileDescriptorName; systemd's default is the name of its unit
  std::string unix_path;  ///< empty: TCP
  std::string address;    ///< in numbers; of TCP
  std::uint16_t port = 0;

  /// "[::]:1883", "/run/darter.sock"; and its name where that is one of darter's.
  [[nodiscard]] std::string text() const;
};

/// Is this socket meant for that listener?
///
/// A name that is a port or the path of a unix socket says for which listener the socket is,
/// wherever it is bound. Any other name says nothing: then the socket has to be bound where the
/// listener would be, to the same port and address, or to the same path.
[[nodiscard]] bool fits(const ActivatedSocket& socket, const transport::ListenerOptions& listener);

/// The sockets that systemd passes to a service with a .socket unit.
///
/// Lifetime   A caller that takes sockets owns them; the rest is closed with this.
/// Threads    The main thread.
/// Source     sd_listen_fds(3), systemd.socket(5).
class ActivatedSockets {
 public:
  /// Takes over the sockets that the environment names, and removes their variables from it.
  /// Nothing without systemd.
  ///
  /// Requires  To be called once, in the process that was started.
  /// Errors    One sentence: a passed descriptor is no listening socket of TCP or unix.
  [[nodiscard]] static std::expected<ActivatedSockets, std::string> receive();

  ActivatedSockets() = default;
  explicit ActivatedSockets(std::vector<ActivatedSocket> sockets) : sockets_(std::move(sockets)) {}

  /// Opens a listener with the sockets that were passed for it; without any, one that binds its
  /// own.
  ///
  /// Errors    As transport::Listener::open() and adopt().
  [[nodiscard]] std::expected<std::unique_ptr<transport::Listener>, std::string> open(
      const transport::ListenerOptions& listener);
  /// All that fit.
  [[nodiscard]] std::vector<transport::Descriptor> take(const transport::ListenerOptions& listener);

  /// Errors    One sentence that names the sockets that no listener took.
  [[nodiscard]] std::expected<void, std::string> all_taken() const;

 private:
  std::vector<ActivatedSocket> sockets_;
};

}  // namespace server
