#include "transport/listener.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "transport/descriptor.h"
#include "transport/peer_address.h"
#include "transport/text.h"
#include "transport/unix_socket.h"

namespace transport {

namespace {

using Opened = std::expected<Descriptor, int>;  // or errno

bool set(int socket, int level, int option, int value) noexcept {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

/// An option of SOL_SOCKET; -1: it cannot be told.
int get(int socket, int option) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// Sets the options that accepted sockets inherit: no call per connection is needed.
void set_inherited_options(int socket) noexcept {
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 600);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 30);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 5);
}

Opened make_socket(int family) {
  Descriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return std::unexpected(errno);
  return socket;
}

Opened listen_tcp(const addrinfo& address, const std::string& interface, bool beside) {
  Opened socket = make_socket(address.ai_family);
  if (!socket) return socket;
  const int number = socket->get();
  set(number, SOL_SOCKET, SO_REUSEADDR, 1);
  if (beside) set(number, SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.ai_family == AF_INET6) set(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_inherited_options(number);
  if (!interface.empty() && ::setsockopt(number, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                         static_cast<socklen_t>(interface.size() + 1)) != 0) {
    return std::unexpected(errno);
  }
  if (::bind(number, address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(number, Listener::backlog) != 0) {
    return std::unexpected(errno);
  }
  if (beside) set(number, SOL_SOCKET, SO_REUSEPORT, 0);
  return socket;
}

std::uint16_t bound_port(int socket) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return PeerAddress(address).port();
}

void set_port(addrinfo& address, std::uint16_t port) noexcept {
  if (address.ai_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(address.ai_addr)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(address.ai_addr)->sin6_port = htons(port);
  }
}

int family_of(SocketDomain domain) noexcept {
  if (domain == SocketDomain::ipv4) return AF_INET;
  return domain == SocketDomain::ipv6 ? AF_INET6 : AF_UNSPEC;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::expected<Addresses, std::string> resolve(const ListenerOptions& options) {
  addrinfo hints{};
  hints.ai_family = family_of(options.socket_domain);
  hints.ai_socktype = SOCK_STREAM;
  // Without a host and without AI_PASSIVE the answer is the loopback address of each family.
  hints.ai_flags = AI_NUMERICSERV | (options.loopback_only ? 0 : AI_PASSIVE);
  const char* const host = options.address.empty() ? nullptr : options.address.c_str();
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host, std::to_string(options.port).c_str(), &hints, &found);
  Addresses addresses(found, &::freeaddrinfo);
  if (error != 0) return std::unexpected(std::string(::gai_strerror(error)));
  return addresses;
}

std::string place_of(const ListenerOptions& options) {
  if (!options.unix_socket_path.empty()) return "unix socket " + options.unix_socket_path;
  std::string place = "port " + std::to_string(options.port);
  if (options.loopback_only) place += " on the loopback address";
  if (!options.address.empty()) place += " on " + options.address;
  if (!options.bind_interface.empty()) place += " on interface " + options.bind_interface;
  return place;
}

}  // namespace

bool is_ipv6(int socket) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.ss_family == AF_INET6;
}

Listener::Listener(const ListenerOptions& options)
    : options_(options), connections_(std::make_shared<ConnectionCount>(options.max_connections)) {}

Listener::~Listener() { retire(nullptr); }

void Listener::retire(Listener* successor) noexcept {
  for (const int socket : sockets_) ::close(socket);
  sockets_.clear();
  if (!std::exchange(made_file_, false)) return;
  if (successor != nullptr) {
    successor->made_file_ = true;
  } else {
    ::unlink(options_.unix_socket_path.c_str());
  }
}

std::expected<std::unique_ptr<Listener>, std::string> Listener::succeed(
    const ListenerOptions& options) const {
  std::unique_ptr<Listener> successor(new Listener(options));
  successor->connections_ = connections_;
  successor->port_ = port_;
  successor->adopted_ = adopted_;
  for (const int socket : sockets_) {
    const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      return std::unexpected("Unable to take over " + place_of(options) + ": " + errno_text(errno) +
                             ".");
    }
    successor->sockets_.push_back(copy);
  }
  return successor;
}

std::expected<std::unique_ptr<Listener>, std::string> Listener::open(
    const ListenerOptions& options) {
  return open_beside(options, {});
}

std::expected<std::unique_ptr<Listener>, std::string> Listener::open_beside(
    const ListenerOptions& options, std::span<const std::shared_ptr<Listener>> others) {
  const auto share = [&](int value) {
    for (const auto& other : others) {
      for (const int socket : other->sockets_) set(socket, SOL_SOCKET, SO_REUSEPORT, value);
    }
  };
  std::unique_ptr<Listener> listener(new Listener(options));
  share(1);
  const auto opened = options.unix_socket_path.empty() ? listener->open_tcp(!others.empty())
                                                       : listener->open_unix();
  share(0);
  if (!opened) {
    return std::unexpected("Unable to listen at " + place_of(options) + ": " + opened.error() +
                           ".");
  }
  return listener;
}

void Listener::set_tls(std::shared_ptr<const TlsContext> context) {
  const std::lock_guard lock(mutex_);
  tls_.swap(context);
}

std::shared_ptr<const TlsContext> Listener::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

void Listener::set_http(std::shared_ptr<const HttpRoutes> routes) {
  const std::lock_guard lock(mutex_);
  http_.swap(routes);
}

std::shared_ptr<const HttpRoutes> Listener::http() const {
  const std::lock_guard lock(mutex_);
  return http_;
}

std::expected<std::unique_ptr<Listener>, std::string> Listener::adopt(
    const ListenerOptions& options, std::vector<Descriptor> sockets) {
  std::unique_ptr<Listener> listener(new Listener(options));
  listener->adopted_ = true;
  for (Descriptor& each : sockets) {
    const auto adopted = listener->adopt_one(std::move(each));
    if (adopted) continue;
    return std::unexpected("Unable to listen at " + place_of(options) +
                           ": the socket that was passed " + adopted.error() + ".");
  }
  return listener;
}

std::expected<void, std::string> Listener::adopt_one(Descriptor socket) {
  const int number = socket.get();
  if (get(number, SO_ACCEPTCONN) != 1) return std::unexpected(std::string("does not listen"));
  if (get(number, SO_REUSEPORT) == 1) {
    return std::unexpected(
        std::string("can be shared with other processes (ReusePort=yes in its unit)"));
  }
  const int flags = ::fcntl(number, F_GETFL);
  if (flags < 0 || ::fcntl(number, F_SETFL, flags | O_NONBLOCK) != 0) {
    return std::unexpected("cannot be used: " + errno_text(errno));
  }
  const std::uint16_t port = bound_port(number);
  if (port != 0) set_inherited_options(number);
  if (port_ == 0) port_ = port;
  sockets_.push_back(socket.release());
  return {};
}

std::expected<void, std::string> Listener::open_tcp(bool beside) {
  const auto addresses = resolve(options_);
  if (!addresses) return std::unexpected(addresses.error());
  port_ = options_.port;
  std::string error = "no address to listen on";
  const bool one_is_enough = options_.loopback_only || options_.address.empty();
  for (addrinfo* address = addresses->get(); address != nullptr; address = address->ai_next) {
    if (address->ai_family != AF_INET && address->ai_family != AF_INET6) continue;
    set_port(*address, port_);
    Opened socket = listen_tcp(*address, options_.bind_interface, beside);
    if (!socket) {
      error = errno_text(socket.error());
      // A machine without IPv6 is no reason not to start; a port that is taken is one.
      const bool missing = socket.error() == EAFNOSUPPORT || socket.error() == EADDRNOTAVAIL;
      if (one_is_enough && missing) continue;
      return std::unexpected(error);
    }
    if (port_ == 0) port_ = bound_port(socket->get());
    sockets_.push_back(socket->release());
  }
  if (sockets_.empty()) return std::unexpected(error);
  return {};
}

std::expected<void, std::string> Listener::open_unix() {
  auto socket = bind_unix(options_);
  if (!socket) return std::unexpected(socket.error());
  made_file_ = true;
  if (::listen(socket->get(), backlog) != 0) return std::unexpected(errno_text(errno));
  sockets_.push_back(socket->release());
  return {};
}

std::string Listener::name() const {
  if (is_unix()) return "unix socket " + options_.unix_socket_path;
  return "port " + std::to_string(port_);
}

}  // namespace transport
