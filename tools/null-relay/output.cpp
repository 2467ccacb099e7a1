#include "tools/null-relay/output.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <sys/socket.h>

namespace relay {
namespace {

bool is_full() { return errno == EAGAIN || errno == EINTR; }

ssize_t send_places(int socket, iovec* places, std::size_t count) {
  if (count == 1) return ::send(socket, places->iov_base, places->iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = places;
  message.msg_iovlen = std::min<std::size_t>(count, IOV_MAX);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace

Output::State Output::flush(int socket) {
  const State before = flush_backlog(socket);
  const State now = before == State::all_sent ? flush_places(socket) : before;
  if (now == State::socket_full) keep_rest();
  places_.clear();
  first_ = 0;
  return now;
}

Output::State Output::flush_backlog(int socket) {
  while (!backlog_.empty()) {
    const ssize_t sent = ::send(socket, backlog_.data(), backlog_.size(), MSG_NOSIGNAL);
    if (sent < 0) return is_full() ? State::socket_full : State::broken;
    backlog_.consume(static_cast<std::size_t>(sent));
  }
  return State::all_sent;
}

Output::State Output::flush_places(int socket) {
  while (first_ < places_.size()) {
    const ssize_t sent = send_places(socket, &places_[first_], places_.size() - first_);
    if (sent < 0) return is_full() ? State::socket_full : State::broken;
    drop_sent(static_cast<std::size_t>(sent));
  }
  return State::all_sent;
}

void Output::drop_sent(std::size_t bytes) {
  while (first_ < places_.size() && bytes >= places_[first_].iov_len) {
    bytes -= places_[first_++].iov_len;
  }
  if (bytes == 0) return;
  places_[first_].iov_base = static_cast<std::byte*>(places_[first_].iov_base) + bytes;
  places_[first_].iov_len -= bytes;
}

void Output::keep_rest() {
  for (; first_ < places_.size(); ++first_) {
    backlog_.append(
        {static_cast<const std::byte*>(places_[first_].iov_base), places_[first_].iov_len});
  }
}

}  // namespace relay
