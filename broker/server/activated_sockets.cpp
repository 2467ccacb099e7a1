#include "broker/server/activated_sockets.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <utility>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;
using transport::Descriptor;

/// Names that say where a socket belongs.
bool is_telling(const std::string& name) {
  return name.starts_with('/') ||
         (!name.empty() && name.find_first_not_of("0123456789") == name.npos);
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

/// The addresses of a host, in numbers.
std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

bool is_bound_there(const ActivatedSocket& socket, const transport::ListenerOptions& listener) {
  if (socket.port != listener.port) return false;
  if (listener.loopback_only) return is_loopback(socket.address);
  if (listener.address.empty()) return socket.address == "0.0.0.0" || socket.address == "::";
  const auto addresses = addresses_of(listener.address);
  return std::ranges::find(addresses, socket.address) != addresses.end();
}

void describe_unix(const sockaddr_storage& address, socklen_t size, ActivatedSocket& socket) {
  sockaddr_un local{};
  std::memcpy(&local, &address, std::min<std::size_t>(size, sizeof local));
  socket.unix_path.assign(local.sun_path, ::strnlen(local.sun_path, sizeof local.sun_path));
}

void describe_tcp(const sockaddr_storage& address, ActivatedSocket& socket) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in local{};
    std::memcpy(&local, &address, sizeof local);
    ::inet_ntop(AF_INET, &local.sin_addr, text.data(), text.size());
    socket.port = ntohs(local.sin_port);
  } else {
    sockaddr_in6 local{};
    std::memcpy(&local, &address, sizeof local);
    ::inet_ntop(AF_INET6, &local.sin6_addr, text.data(), text.size());
    socket.port = ntohs(local.sin6_port);
  }
  socket.address = text.data();
}

/// Errors    One sentence.
std::expected<ActivatedSocket, std::string> describe(int descriptor, std::string name) {
  ActivatedSocket socket{.descriptor = Descriptor(descriptor),
                         .name = std::move(name),
                         .unix_path = {},
                         .address = {},
                         .port = 0};
  if (::sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
    return std::unexpected(concat({"What systemd passed as '", socket.name,
                                   "' is no listening socket: its unit needs ListenStream= and "
                                   "Accept=no."}));
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return std::unexpected(concat({"Unable to look at the socket '", socket.name,
                                   "' of systemd: ", std::generic_category().message(errno), "."}));
  }
  if (address.ss_family == AF_UNIX) {
    describe_unix(address, size, socket);
  } else if (address.ss_family == AF_INET || address.ss_family == AF_INET6) {
    describe_tcp(address, socket);
  } else {
    return std::unexpected(
        concat({"The socket '", socket.name, "' of systemd is neither of TCP nor a unix socket."}));
  }
  return socket;
}

/// Names as sd_listen_fds_with_names() gives them; it leaves them to be freed.
std::vector<std::string> taken_names(char** names, int count) {
  std::vector<std::string> texts;
  const std::unique_ptr<char*, decltype(&std::free)> list(names, &std::free);
  for (int i = 0; i < count; ++i) {
    const std::unique_ptr<char, decltype(&std::free)> name(names[i], &std::free);
    texts.emplace_back(name.get());
  }
  return texts;
}

}  // namespace

std::string ActivatedSocket::text() const {
  std::string place = unix_path;
  if (unix_path.empty()) {
    place = address.find(':') == address.npos ? address : concat({"[", address, "]"});
    place += concat({":", std::to_string(port)});
  }
  return is_telling(name) ? concat({place, " named '", name, "'"}) : place;
}

bool fits(const ActivatedSocket& socket, const transport::ListenerOptions& listener) {
  const bool is_unix = !listener.unix_socket_path.empty();
  if (is_telling(socket.name)) {
    return socket.name == (is_unix ? listener.unix_socket_path : std::to_string(listener.port));
  }
  if (is_unix != !socket.unix_path.empty()) return false;
  return is_unix ? socket.unix_path == listener.unix_socket_path : is_bound_there(socket, listener);
}

std::expected<ActivatedSockets, std::string> ActivatedSockets::receive() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  if (count < 0) {
    return std::unexpected(concat(
        {"Unable to take the sockets of systemd: ", std::generic_category().message(-count), "."}));
  }
  const std::vector<std::string> texts = taken_names(names, count);
  std::vector<ActivatedSocket> sockets;
  for (int i = 0; i < count; ++i) {
    auto socket = describe(SD_LISTEN_FDS_START + i, texts[static_cast<std::size_t>(i)]);
    if (!socket) return std::unexpected(socket.error());
    sockets.push_back(std::move(*socket));
  }
  return ActivatedSockets(std::move(sockets));
}

std::expected<std::unique_ptr<transport::Listener>, std::string> ActivatedSockets::open(
    const transport::ListenerOptions& listener) {
  auto passed = take(listener);
  return passed.empty() ? transport::Listener::open(listener)
                        : transport::Listener::adopt(listener, std::move(passed));
}

std::vector<Descriptor> ActivatedSockets::take(const transport::ListenerOptions& listener) {
  std::vector<Descriptor> taken;
  std::vector<ActivatedSocket> rest;
  for (ActivatedSocket& each : sockets_) {
    if (fits(each, listener)) {
      taken.push_back(std::move(each.descriptor));
    } else {
      rest.push_back(std::move(each));
    }
  }
  sockets_ = std::move(rest);
  return taken;
}

std::expected<void, std::string> ActivatedSockets::all_taken() const {
  if (sockets_.empty()) return {};
  std::string list;
  for (const ActivatedSocket& each : sockets_)
    list += concat({list.empty() ? "" : ", ", each.text()});
  return std::unexpected(
      concat({"No listener of the configuration is at the socket that systemd "
              "passed: ",
              list,
              ". Give it the port and address of one, or in its unit "
              "FileDescriptorName= with the port of the listener."}));
}

}  // namespace server
