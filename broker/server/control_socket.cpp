#include "broker/server/control_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "broker/core/siphash.h"
#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;
using transport::Descriptor;

constexpr std::string_view request = "reload";
constexpr std::size_t clients_max = 8;
constexpr std::int64_t patience_milliseconds = 1000;
constexpr std::size_t answer_bytes_max = std::size_t{64} << 10U;
constexpr time_t answer_seconds_max = 120;

struct Address {
  sockaddr_un value{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&value);
  }
};

/// "\0darter/reload/0123456789abcdef0123456789abcdef"
std::expected<Address, std::string> address_of(const std::string& config_file) {
  const std::unique_ptr<char, decltype(&std::free)> path(::realpath(config_file.c_str(), nullptr),
                                                         &std::free);
  if (path == nullptr) {
    return std::unexpected(
        concat({"Unable to find ", config_file, ": ", std::strerror(errno), "."}));
  }
  // Not secret: that two paths differ is all that is asked.
  constexpr std::uint64_t first[2] = {1, 1};
  constexpr std::uint64_t second[2] = {2, 2};
  char name[64];
  const int length =
      std::snprintf(name, sizeof name, "darter/reload/%016llx%016llx",
                    static_cast<unsigned long long>(broker::siphash(first, path.get())),
                    static_cast<unsigned long long>(broker::siphash(second, path.get())));
  Address address;
  address.value.sun_family = AF_UNIX;
  std::memcpy(address.value.sun_path + 1, name, static_cast<std::size_t>(length));
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1U +
                                        static_cast<std::size_t>(length));
  return address;
}

Descriptor make_socket(int flags) {
  return Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

std::string failure(std::string_view what) {
  return concat({what, ": ", std::strerror(errno), "."});
}

void answer(int socket, const ControlAnswer& said) {
  std::string packet = concat({std::to_string(said.exit_status), "\n", said.text});
  if (packet.size() > answer_bytes_max) packet.resize(answer_bytes_max);
  // Who does not read has seen nothing; the log has it too.
  static_cast<void>(::send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace

std::expected<ControlSocket, std::string> ControlSocket::open(const std::string& config_file) {
  ControlSocket control;
  if (config_file.empty()) return control;
  const auto address = address_of(config_file);
  if (!address) return std::unexpected(address.error());
  Descriptor socket = make_socket(SOCK_NONBLOCK);
  if (!socket || ::bind(socket.get(), address->get(), address->size) != 0 ||
      ::listen(socket.get(), static_cast<int>(clients_max)) != 0) {
    return std::unexpected(failure("'darter --reload' cannot reach this broker, SIGHUP can"));
  }
  control.socket_ = std::move(socket);
  control.starter_ = ::getuid();
  return control;
}

void ControlSocket::watch(std::vector<pollfd>& polled) const {
  if (!socket_) return;
  if (clients_.size() < clients_max) polled.push_back({socket_.get(), POLLIN, 0});
  for (const Client& client : clients_) polled.push_back({client.socket.get(), POLLIN, 0});
}

bool ControlSocket::may_ask(int socket) const noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid() || peer.uid == starter_;
}

void ControlSocket::accept_some(broker::Instant now) {
  while (socket_ && clients_.size() < clients_max) {
    Descriptor client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    if (!may_ask(client.get())) {
      answer(client.get(), {1, "Only root and the user of the broker may ask it to reload.\n"});
      continue;
    }
    clients_.push_back({std::move(client), after_milliseconds(now, patience_milliseconds)});
  }
}

void ControlSocket::serve(broker::Instant now, const Handler& reload) {
  accept_some(now);
  std::erase_if(clients_, [&](const Client& client) {
    char packet[16];
    const ssize_t count = ::recv(client.socket.get(), packet, sizeof packet, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return now >= client.deadline;
    if (count > 0 && std::string_view(packet, static_cast<std::size_t>(count)) == request) {
      answer(client.socket.get(), reload());
    }
    return true;
  });
}

std::expected<ControlAnswer, std::string> ask_to_reload(const std::string& config_file) {
  const auto address = address_of(config_file);
  if (!address) return std::unexpected(address.error());
  const Descriptor socket = make_socket(0);
  if (!socket) return std::unexpected(failure("Unable to make a socket"));
  if (::connect(socket.get(), address->get(), address->size) != 0) {
    return std::unexpected(
        concat({"No broker with the configuration ", config_file,
                " can be asked: is it running, with this very file, in this network namespace?"}));
  }
  const timeval patience{answer_seconds_max, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string packet(answer_bytes_max, '\0');
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return std::unexpected(failure("The broker cannot be asked"));
  }
  const ssize_t count = ::recv(socket.get(), packet.data(), packet.size(), 0);
  if (count < 0) return std::unexpected(failure("The broker did not answer"));
  if (count < 2) return std::unexpected(std::string("The broker ended without an answer."));
  packet.resize(static_cast<std::size_t>(count));
  return ControlAnswer{packet[0] - '0', packet.substr(2)};
}

}  // namespace server
