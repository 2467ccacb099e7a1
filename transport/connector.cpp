#include "transport/connector.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>
#include <vector>

#include "transport/text.h"

namespace transport {
namespace {

/// A socket address, as the system wants it.
struct SystemAddress {
  explicit SystemAddress(const PeerAddress& address) noexcept {
    if (address.family() == AF_INET) {
      auto& ipv4 = *reinterpret_cast<sockaddr_in*>(&storage);
      ipv4.sin_family = AF_INET;
      ipv4.sin_port = htons(address.port());
      std::memcpy(&ipv4.sin_addr, address.bytes().data(), address.bytes().size());
      size = sizeof ipv4;
    } else {
      auto& ipv6 = *reinterpret_cast<sockaddr_in6*>(&storage);
      ipv6.sin6_family = AF_INET6;
      ipv6.sin6_port = htons(address.port());
      std::memcpy(&ipv6.sin6_addr, address.bytes().data(), address.bytes().size());
      size = sizeof ipv6;
    }
  }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  sockaddr_storage storage{};
  socklen_t size = 0;
};

using Cause = ConnectFailure::Cause;

std::unexpected<ConnectFailure> network_error(std::string text) {
  return std::unexpected(ConnectFailure{Cause::network, std::move(text)});
}
/// "192.0.2.1:1883: Connection refused", and the usual reason where there is one.
std::unexpected<ConnectFailure> network_error(std::string_view place, int error) {
  std::string text = std::string(place) + ": " + errno_text(error);
  if (error == ECONNREFUSED) text += " (nothing listens there, or a firewall refuses)";
  return network_error(std::move(text));
}

ConnectFailure name_error(const std::string& host, int status) {
  const bool unknown = status == UV_EAI_NONAME || status == UV_EAI_NODATA;
  return {Cause::name,
          host + ": " + uv_strerror(status) +
              (unknown ? " (no such name: check its spelling, and the resolver)" : "")};
}

void set_number(int socket, int level, int name, std::uint32_t value) noexcept {
  // An option that a kernel does not have is no reason to have no connection.
  const int number = static_cast<int>(value);
  if (value > 0) static_cast<void>(::setsockopt(socket, level, name, &number, sizeof number));
}

void set_options(int socket, const SocketOptions& options) noexcept {
  set_number(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_number(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_milliseconds);
  if (options.keepalive_idle_seconds == 0) return;
  set_number(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_number(socket, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_idle_seconds);
  set_number(socket, IPPROTO_TCP, TCP_KEEPINTVL, options.keepalive_interval_seconds);
  set_number(socket, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_probes);
}

/// A socket on its way to an address.
std::expected<Descriptor, ConnectFailure> begin_connect(const PeerAddress& address,
                                                        const SocketOptions& options) {
  const std::string name = address.text_with_port();
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return network_error(name, errno);
  if (!options.bind_address.empty()) {
    const auto own = PeerAddress::parse(options.bind_address);
    if (!own) return network_error(options.bind_address + " is no address to bind to");
    if (own->family() != address.family()) {
      return network_error(name + ": " + options.bind_address + " is of another family");
    }
    const SystemAddress bound(*own);
    if (::bind(socket.get(), bound.get(), bound.size) != 0) {
      return network_error(options.bind_address, errno);
    }
  }
  set_options(socket.get(), options);
  const SystemAddress peer(address);
  if (::connect(socket.get(), peer.get(), peer.size) != 0 && errno != EINPROGRESS) {
    return network_error(name, errno);
  }
  return socket;
}

/// A socket that is connected to the file of a unix socket.
std::expected<Descriptor, ConnectFailure> connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return network_error(path + ": too long for the path of a unix socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return network_error(path, errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return network_error(path, errno);
  }
  return socket;
}

std::vector<PeerAddress> addresses_of(const addrinfo* first) {
  std::vector<PeerAddress> addresses;
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, one->ai_addr, std::min<std::size_t>(one->ai_addrlen, sizeof storage));
    addresses.emplace_back(storage);
  }
  return addresses;
}

}  // namespace

/// One call of connect(). It destroys itself when libuv has let go of its last handle.
class Connector::Job {
 public:
  Job(uv_loop_t* loop, const ConnectTarget& target, Connector& owner, Done done)
      : target_(target), loop_(loop), owner_(&owner), done_(std::move(done)) {
    uv_timer_init(loop_, &timer_);
    timer_.data = this;
  }

  void begin() {
    uv_update_time(loop_);
    if (target_.unix_path.empty()) return resolve();
    auto socket = connect_unix(target_.unix_path);
    if (socket) {
      unix_socket_ = std::move(*socket);
    } else {
      failure_ = std::move(socket.error());
    }
    wake_at(now());
  }
  /// The connector wants no answer any more.
  void give_up() {
    done_ = nullptr;
    finish(std::unexpected(ConnectFailure()));
  }

 private:
  struct Attempt {
    Attempt(Job* of, AddressRace::Attempt which, Descriptor begun) noexcept
        : job(of), number(which), socket(std::move(begun)) {}

    Job* job;
    AddressRace::Attempt number;
    Descriptor socket;
    uv_poll_t poll{};
  };

  void resolve() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    resolving_.data = this;
    end_ = broker::after_milliseconds(now(), target_.socket.times.timeout_milliseconds);
    const std::string port = std::to_string(target_.port);
    const int error = uv_getaddrinfo(
        loop_, &resolving_,
        [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
          static_cast<Job*>(request->data)->resolved(status, found);
        },
        target_.host.c_str(), port.c_str(), &hints);
    resolves_ = error == 0;
    failure_ = error == 0 ? ConnectFailure{Cause::timeout,
                                           target_.host + ": the name was not resolved in time"}
                          : name_error(target_.host, error);
    wake_at(error == 0 ? end_ : now());
  }
  [[nodiscard]] broker::Instant now() const noexcept {
    return {static_cast<std::int64_t>(uv_now(loop_))};
  }

  void resolved(int status, addrinfo* found) {
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, uv_freeaddrinfo);
    resolves_ = false;
    if (closing_) return release();
    if (status != 0) return fail(name_error(target_.host, status));
    RaceTimes times = target_.socket.times;
    times.timeout_milliseconds = end_.milliseconds - now().milliseconds;
    failure_ = {Cause::name, target_.host + " has no address"};
    race_.emplace(addresses_of(list.get()), times, now());
    go_on();
  }

  /// The timer: the race may go on, or the time is over.
  void woken() {
    if (unix_socket_) return finish(OpenedSocket{std::move(unix_socket_), PeerAddress()});
    if (!race_) return fail(failure_);
    go_on();
  }

  void go_on() {
    while (const auto number = race_->next(now())) begin_attempt(*number);
    if (race_->state() == AddressRace::State::timed_out) {
      return fail(
          {Cause::timeout, race_->addresses().front().text_with_port() + ": no answer in time"});
    }
    if (race_->state() == AddressRace::State::failed) return fail(failure_);
    if (const auto wake = race_->next_wake()) wake_at(*wake);
  }

  void begin_attempt(AddressRace::Attempt number) {
    auto socket = begin_connect(race_->addresses()[number], target_.socket);
    if (!socket) return skip_attempt(number, socket.error());
    auto attempt = std::make_unique<Attempt>(this, number, std::move(*socket));
    attempt->poll.data = attempt.get();
    const int error = uv_poll_init(loop_, &attempt->poll, attempt->socket.get());
    if (error != 0) return skip_attempt(number, {Cause::network, uv_strerror(error)});
    uv_poll_start(&attempt->poll, UV_WRITABLE, [](uv_poll_t* poll, int, int) {
      auto* const ready = static_cast<Attempt*>(poll->data);
      ready->job->answered(*ready);
    });
    attempts_.push_back(std::move(attempt));
    ++handles_;
  }
  void skip_attempt(AddressRace::Attempt number, ConnectFailure why) {
    failure_ = std::move(why);
    race_->failed(number);
  }

  void answered(Attempt& attempt) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(attempt.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    const PeerAddress& address = race_->addresses()[attempt.number];
    if (error == 0) {
      race_->succeeded(attempt.number);
      uv_poll_stop(&attempt.poll);
      return finish(OpenedSocket{std::move(attempt.socket), address});
    }
    uv_poll_stop(&attempt.poll);
    skip_attempt(attempt.number, network_error(address.text_with_port(), error).error());
    go_on();
  }

  void wake_at(broker::Instant instant) {
    const std::int64_t wait = std::max<std::int64_t>(instant.milliseconds - now().milliseconds, 0);
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) { static_cast<Job*>(timer->data)->woken(); },
        static_cast<std::uint64_t>(wait), 0);
  }

  void fail(ConnectFailure why) { finish(std::unexpected(std::move(why))); }

  /// Closes all handles, and says how it ended.
  void finish(std::expected<OpenedSocket, ConnectFailure> result) {
    assert(!closing_);
    closing_ = true;
    owner_->job_ = nullptr;
    if (resolves_) uv_cancel(reinterpret_cast<uv_req_t*>(&resolving_));
    const auto closed = [](uv_handle_t* handle) { static_cast<Job*>(handle->data)->release_one(); };
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), closed);
    for (const auto& attempt : attempts_) {
      attempt->poll.data = this;
      uv_close(reinterpret_cast<uv_handle_t*>(&attempt->poll), closed);
      attempt->socket = Descriptor();
    }
    // Last: it may begin another job.
    if (const Done done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  void release_one() {
    --handles_;
    release();
  }
  void release() {
    if (handles_ == 0 && !resolves_) delete this;
  }

  ConnectTarget target_;
  uv_loop_t* loop_;
  Connector* owner_;
  Done done_;
  uv_getaddrinfo_t resolving_{};
  uv_timer_t timer_{};
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::optional<AddressRace> race_;  // once there are addresses
  broker::Instant end_;
  ConnectFailure failure_;  // the last one
  Descriptor unix_socket_;  // connected, and about to be given away
  int handles_ = 1;         // the timer, and one for each attempt
  bool resolves_ = false;
  bool closing_ = false;
};

void Connector::connect(const ConnectTarget& target, Done done) {
  assert(!busy());
  job_ = new Job(loop_, target, *this, std::move(done));
  job_->begin();
}

void Connector::cancel() {
  if (job_ != nullptr) job_->give_up();
}

}  // namespace transport
