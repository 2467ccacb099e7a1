#include "tools/null-relay/relay.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "broker/wire/cursor.h"

namespace relay {
namespace {

constexpr std::size_t read_bytes = 128UL * 1024;
constexpr int backlog = 4096;

std::unexpected<std::string> failure(std::uint16_t port) {
  return std::unexpected("cannot listen on port " + std::to_string(port) +
                         " of 127.0.0.1: " + std::generic_category().message(errno));
}

}  // namespace

std::expected<std::unique_ptr<Relay>, std::string> Relay::listen(std::uint16_t port) {
  sockets::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!listener.is_open() ||
      ::bind(listener.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.number(), backlog) != 0) {
    return failure(port);
  }
  return std::unique_ptr<Relay>(new Relay(std::move(listener)));
}

Relay::Relay(sockets::Descriptor listener) : listener_(std::move(listener)) {
  poller_.add(listener_.number(), nullptr);
}

void Relay::serve_until_readable(int end) {
  poller_.add(end, this);
  for (bool ended = false; !ended;) {
    for (const epoll_event& event : poller_.wait(-1)) {
      if (event.data.ptr == this) {
        ended = true;
      } else if (event.data.ptr == nullptr) {
        accept_all();
      } else {
        handle(*static_cast<Peer*>(event.data.ptr), event.events);
      }
    }
    for (Peer* const peer : turn_.end()) remove(*peer);
  }
}

void Relay::handle(Peer& peer, std::uint32_t events) {
  constexpr std::uint32_t output = EPOLLOUT;
  if ((events & output) != 0) turn_.flush(peer);
  if ((events & ~output) != 0 && !peer.gone) read(peer);
}

void Relay::remove(Peer& peer) {
  switchboard_.forget(peer);
  peers_.erase(&peer);
}

void Relay::accept_all() {
  for (;;) {
    const int number =
        ::accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (number < 0) return;
    const int on = 1;
    ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto peer = std::make_unique<Peer>();
    peer->socket = sockets::Descriptor(number);
    poller_.add(number, peer.get());
    peers_.emplace(peer.get(), std::move(peer));
  }
}

void Relay::read(Peer& peer) {
  const std::size_t kept = peer.tail.size();
  const std::span<std::byte> room = turn_.room_to_read(kept + read_bytes);
  const ssize_t count = ::recv(peer.socket.number(), room.data() + kept, read_bytes, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return turn_.lose(peer);
  mqtt::put_bytes(room.data(), peer.tail.view());
  peer.tail.clear();
  std::span<std::byte> rest = room.first(kept + static_cast<std::size_t>(count));
  turn_.keep_read(rest.size());
  while (const auto packet = next_packet(rest)) {
    if (!switchboard_.handle(peer, *packet)) return turn_.lose(peer);
    rest = rest.subspan(packet->whole.size());
  }
  peer.tail.append(rest);
}

}  // namespace relay
