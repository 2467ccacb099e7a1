#include "transport/acceptor.h"

#include <cerrno>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <utility>

#include "transport/descriptor.h"
#include "transport/loop.h"
#include "transport/peer_address.h"

namespace transport {

namespace {

/// Accepted in one go; then sockets that are open have their turn.
constexpr int accepts_per_turn = 64;
/// The same where there will be no other turn: a few milliseconds of work.
constexpr int last_accepts_max = 256;

}  // namespace

int Acceptor::open() {
  poll_.data = this;
  const int error = uv_poll_init(loop_.events().uv(), &poll_, socket_);
  if (error == 0) resume();
  return error;
}

void Acceptor::resume() {
  uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    static_cast<Acceptor*>(poll->data)->accept_some();
  });
}

void Acceptor::pause() { uv_poll_stop(&poll_); }

void Acceptor::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
    // The callback may destroy the object that it is a member of.
    const auto told = std::move(static_cast<Acceptor*>(handle->data)->closed_);
    if (told) told();
  });
}

void Acceptor::accept_last() {
  for (int count = 0; count < last_accepts_max && accept_one(); ++count) {
  }
}

void Acceptor::accept_some() {
  if (!loop_.acceptors().may_accept()) return;
  for (int count = 0; count < accepts_per_turn && accept_one(); ++count) {
  }
}

bool Acceptor::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Descriptor socket(::accept4(socket_, reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      loop_.acceptors().out_of_descriptors();
      return false;
    }
    // A connection that was gone before it was accepted is no error.
    return errno == ECONNABORTED || errno == EINTR;
  }
  const bool last = is_one_of_the_last(socket.get(), loop_.options().open_files_max);
  loop_.connections().accept(std::move(socket), listener_, PeerAddress(address));
  if (last) loop_.acceptors().out_of_descriptors();
  return !last;
}

// The kernel gives the lowest number that is free, whatever it is for.
bool Acceptor::has_descriptor() const noexcept {
  const Descriptor probe(::eventfd(0, EFD_CLOEXEC));
  return probe && !is_one_of_the_last(probe.get(), loop_.options().open_files_max);
}

}  // namespace transport
