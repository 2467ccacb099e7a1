#include "transport/link/link.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <memory>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "transport/connector.h"
#include "transport/link/srv.h"
#include "transport/link/stages.h"
#include "transport/text.h"

namespace transport {

ConnectTarget target_of(const LinkOptions& options) {
  ConnectTarget target{.socket = options.socket};
  if (options.address.is_unix()) {
    target.unix_path = options.address.path;
  } else if (options.proxy) {
    target.host = options.proxy->host;
    target.port = options.proxy->port;
  } else {
    target.host = options.address.host;
    target.port = options.address.port;
  }
  return target;
}

namespace {

LinkEnd end_of(ConnectFailure failure) {
  using Cause = ConnectFailure::Cause;
  const LinkFault fault = failure.cause == Cause::name      ? LinkFault::name
                          : failure.cause == Cause::timeout ? LinkFault::timeout
                                                            : LinkFault::network;
  return {fault, 0, std::move(failure.text)};
}

}  // namespace

/// One connection, from open() to its end. It destroys itself after libuv has closed its last
/// handle.
class Link::Job {
 public:
  Job(uv_loop_t* loop, LinkOptions options, Link& owner)
      : options_(std::move(options)),
        srv_(loop),
        connector_(loop),
        stages_(options_),
        owner_(&owner) {
    uv_timer_init(loop, &timer_);
    timer_.data = this;
    poll_.data = this;
  }

  void begin() {
    if (!options_.uses_srv || options_.address.is_unix()) return connect();
    const LinkAddress& address = options_.address;
    srv_.ask(srv_name(address.host, address.has_tls()), [this](auto targets) {
      if (!targets) return finish({LinkFault::name, 0, std::move(targets.error())});
      domain_ = std::move(options_.address.host);
      targets_ = std::move(*targets);
      connect_to_target();
    });
  }
  void write(mqtt::ByteBuffer& packets) {
    assert(state_ == State::open);
    if (unsent_.size() >= options_.unsent_bytes_max) {
      writable_wanted_ = true;
      return;
    }
    if (send_error_ != 0) return packets.clear();
    stages_.write(packets, unsent_);
    send();
  }
  void tell_when_sent() {
    assert(!unsent_.empty());
    sent_wanted_ = true;
  }
  void set_reading(bool on) {
    if (reading_ == on) return;
    reading_ = on;
    watch();
  }
  void close() {
    if (state_ == State::ending || state_ == State::closing) return;
    if (state_ != State::open) {
      srv_.cancel();
      connector_.cancel();
      if (state_ == State::handshaking) uv_poll_stop(&poll_);
      state_ = State::ending;
      return wake_in(0);
    }
    state_ = State::closing;
    stages_.close(unsent_);
    wake_in(options_.close_milliseconds);
    send();
  }
  /// The link wants to hear no more.
  void give_up() {
    silent_ = true;
    finish({});
  }

  [[nodiscard]] bool is_open() const noexcept { return state_ == State::open; }
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
  [[nodiscard]] std::string description() const {
    return is_open() ? address_.text_with_port() + stages_.description() : std::string();
  }

 private:
  enum class State : std::uint8_t {
    connecting,   ///< the lookup or the connector is at work
    handshaking,  ///< the stages are
    open,
    closing,  ///< the last bytes leave, then the peer's end is waited for
    ending,   ///< closed before it was open: the user hears it later
    over,
  };

  void connect() {
    connector_.connect(target_of(options_), [this](auto result) {
      if (result) return connected(std::move(*result));
      if (!targets_.empty()) return connect_to_target();
      finish(end_of(std::move(result.error())));
    });
  }
  /// Goes to the next one of the SRV records' targets.
  void connect_to_target() {
    const SrvTarget& target = targets_.front();
    options_.address.host = target.host;
    options_.address.port = target.port;
    options_.checked_host = checked_srv_name(domain_, target.host);
    targets_.erase(targets_.begin());
    connect();
  }

  void connected(OpenedSocket opened) {
    socket_ = std::move(opened.socket);
    address_ = opened.address;
    uv_loop_t* const loop = timer_.loop;
    if (const int error = uv_poll_init(loop, &poll_, socket_.get()); error != 0) {
      return finish({LinkFault::network, 0, options_.address.text() + ": " + uv_strerror(error)});
    }
    ++handles_;
    state_ = State::handshaking;
    wake_in(options_.handshake_milliseconds);
    stages_.begin(unsent_);
    send();
    advance({});
  }

  /// After the stages have worked: takes over their state and their output.
  void advance(mqtt::Bytes input) {
    if (state_ == State::handshaking && stages_.is_open()) {
      state_ = State::open;
      uv_timer_stop(&timer_);
      owner_->user_->link_opened();
    }
    if (state_ == State::open && !input.empty()) owner_->user_->link_received(input);
    if (state_ != State::over && stages_.end()) ended_by_peer(*stages_.end());
  }

  void ready(int events) {
    if ((events & UV_WRITABLE) != 0) {
      send();
      const bool has_room = writable_wanted_ && unsent_.size() < options_.unsent_bytes_max;
      const bool is_sent = sent_wanted_ && unsent_.empty();
      if (state_ == State::open && (has_room || is_sent)) {
        writable_wanted_ = sent_wanted_ = false;
        owner_->user_->link_writable();
      }
    }
    if (state_ != State::over && (events & UV_READABLE) != 0) receive();
  }

  void receive() {
    std::array<std::byte, std::size_t{64} << 10U> place;
    const ssize_t count = ::recv(socket_.get(), place.data(), place.size(), 0);
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      return ended_by_peer(socket_error(errno));
    }
    if (count == 0) {
      return ended_by_peer(send_error_ != 0 ? socket_error(send_error_) : stages_.socket_ended());
    }
    const auto size = static_cast<std::size_t>(count);
    const mqtt::Bytes input = stages_.read(mqtt::Bytes(place).first(size), unsent_);
    send();
    advance(input);
  }

  /// Writes as much as the socket takes. It calls no one: after an error the socket is read to its
  /// end, because a peer that went may have said why.
  void send() {
    while (!unsent_.empty()) {
      const ssize_t count = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) break;
      if (count < 0) {
        send_error_ = errno;
        unsent_.clear();
        break;
      }
      unsent_.consume(static_cast<std::size_t>(count));
    }
    if (state_ == State::closing && unsent_.empty()) ::shutdown(socket_.get(), SHUT_WR);
    watch();
  }
  /// After close() any end is the one that was asked for.
  void ended_by_peer(const LinkEnd& end) { finish(state_ == State::closing ? LinkEnd() : end); }
  [[nodiscard]] LinkEnd socket_error(int error) const {
    return {LinkFault::network, 0, options_.address.text() + ": " + errno_text(error)};
  }

  /// Watches the socket for the events that are wanted.
  void watch() {
    const bool is_connected =
        state_ == State::handshaking || state_ == State::open || state_ == State::closing;
    if (!is_connected) return;
    const bool reads = reading_ || state_ != State::open || send_error_ != 0;
    const int events = (reads ? UV_READABLE : 0) | (unsent_.empty() ? 0 : UV_WRITABLE);
    if (events == 0) {
      uv_poll_stop(&poll_);
      return;
    }
    uv_poll_start(&poll_, events, [](uv_poll_t* poll, int status, int which) {
      // An error of the socket is told by the call that meets it.
      static_cast<Job*>(poll->data)->ready(status == 0 ? which : UV_READABLE);
    });
  }

  void wake_in(std::int64_t milliseconds) {
    uv_update_time(timer_.loop);
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) { static_cast<Job*>(timer->data)->woken(); },
        static_cast<std::uint64_t>(std::max<std::int64_t>(milliseconds, 0)), 0);
  }
  void woken() {
    if (state_ == State::closing || state_ == State::ending) return finish({});
    finish(stages_.timed_out());
  }

  /// Closes all handles, and says how it ended.
  void finish(const LinkEnd& end) {
    assert(state_ != State::over);
    const bool polled = handles_ > 1;
    state_ = State::over;
    Link& owner = *owner_;
    owner.job_ = nullptr;
    srv_.cancel();
    connector_.cancel();
    const auto closed = [](uv_handle_t* handle) { static_cast<Job*>(handle->data)->release_one(); };
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), closed);
    if (polled) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), closed);
    socket_ = Descriptor();
    // Last: it may begin another job, or destroy the link.
    if (!silent_) owner.user_->link_closed(end);
  }
  void release_one() {
    if (--handles_ == 0) delete this;
  }

  LinkOptions options_;
  std::vector<SrvTarget> targets_;  // of SRV records, that were not tried
  std::string domain_;              // of them
  SrvLookup srv_;
  Connector connector_;
  LinkStages stages_;
  Link* owner_;  // until it is over
  uv_timer_t timer_{};
  uv_poll_t poll_{};
  Descriptor socket_;
  PeerAddress address_;
  mqtt::ByteBuffer unsent_;
  int handles_ = 1;     // the timer, and the poll
  int send_error_ = 0;  // an errno: nothing can be sent any more
  State state_ = State::connecting;
  bool reading_ = true;
  bool writable_wanted_ = false;
  bool sent_wanted_ = false;
  bool silent_ = false;
};

void Link::open(const LinkOptions& options) {
  assert(is_idle());
  assert(!options.address.has_tls() || options.tls != nullptr);
  job_ = new Job(loop_, options, *this);
  job_->begin();
}

void Link::write(mqtt::ByteBuffer& packets) {
  assert(is_open());
  if (!packets.empty()) job_->write(packets);
}

void Link::tell_when_sent() {
  if (job_ != nullptr) job_->tell_when_sent();
}

void Link::set_reading(bool on) {
  if (job_ != nullptr) job_->set_reading(on);
}

void Link::close() {
  if (job_ != nullptr) job_->close();
}

void Link::cancel() {
  if (job_ != nullptr) job_->give_up();
}

bool Link::is_open() const noexcept { return job_ != nullptr && job_->is_open(); }

std::size_t Link::unsent() const noexcept { return job_ == nullptr ? 0 : job_->unsent(); }

std::string Link::description() const {
  return job_ == nullptr ? std::string() : job_->description();
}

}  // namespace transport
