#include "transport/link/runner.h"

#include <atomic>
#include <cassert>
#include <fcntl.h>
#include <utility>
#include <uv.h>
#include <variant>

namespace transport {

struct ClientRunner::State final : LinkUser {
  static constexpr std::size_t input_bytes_max = std::size_t{256} << 10U;

  State(client::Options client_options, LinkOptions link_options)
      : target(std::move(link_options)), client(std::move(client_options)) {
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    uv_async_init(&loop, &async, [](uv_async_t*) {});
    watched.data = this;
  }
  ~State() {
    link.cancel();
    unwatch();
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&async), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    [[maybe_unused]] const int error = uv_loop_close(&loop);
    assert(error == 0);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void link_opened() override { client.opened(now()); }
  void link_received(mqtt::Bytes bytes) override {
    input.append(bytes);
    if (input.size() >= input_bytes_max) link.set_reading(false);
  }
  void link_writable() override {}
  void link_closed(const LinkEnd& end) override {
    last_end = end;
    closed_due = true;
  }

  [[nodiscard]] broker::Instant now() {
    uv_update_time(&loop);
    return {static_cast<std::int64_t>(uv_now(&loop))};
  }

  /// The client's next event, after this class has done its own part of it.
  std::optional<client::Event> take_event() {
    while (auto event = client.next(now())) {
      if (std::holds_alternative<client::Open>(*event)) {
        link.cancel();
        closed_due = false;
        link.open(target);
        continue;
      }
      if (std::holds_alternative<client::Disconnected>(*event)) {
        send_output();
        link.close();
      }
      return event;
    }
    return std::nullopt;
  }
  /// Gives the client the bytes that have come. False if nothing has.
  bool feed() {
    if (!input.empty()) {
      fed.clear();
      std::swap(fed, input);
      client.feed(fed.view(), now());
      return true;
    }
    if (!closed_due) return false;
    closed_due = false;
    client.closed(now());
    return true;
  }
  void send_output() {
    if (link.is_open()) {
      link.write(client.output());
      link.set_reading(client.wants_input() && input.size() < input_bytes_max);
    }
  }

  /// One round of the loop, until `wake` at the latest.
  void wait(std::optional<broker::Instant> wake) {
    if (wake) {
      const std::int64_t left = wake->milliseconds - now().milliseconds;
      uv_timer_start(
          &timer, [](uv_timer_t*) {}, left > 0 ? static_cast<std::uint64_t>(left) : 0, 0);
    }
    uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&timer);
  }

  bool watch(int number) {
    unwatch();
    if (number < 0) return true;
    // libuv makes the descriptor one that does not block; a terminal is others' as well.
    const int flags = ::fcntl(number, F_GETFL);
    if (uv_poll_init(&loop, &watched, number) != 0) return false;
    if (flags >= 0) static_cast<void>(::fcntl(number, F_SETFL, flags));
    is_watching = true;
    return true;
  }
  void unwatch() {
    if (!is_watching) return;
    is_watching = false;
    bool closed = false;
    watched.data = &closed;
    uv_close(reinterpret_cast<uv_handle_t*>(&watched),
             [](uv_handle_t* handle) { *static_cast<bool*>(handle->data) = true; });
    while (!closed) uv_run(&loop, UV_RUN_NOWAIT);
    watched.data = this;
  }
  void look_at_watched() {
    readable = false;
    if (!is_watching) return;
    uv_poll_start(&watched, UV_READABLE | UV_DISCONNECT, [](uv_poll_t* poll, int, int) {
      static_cast<State*>(poll->data)->readable = true;
      uv_poll_stop(poll);
    });
  }

  uv_loop_t loop{};
  uv_timer_t timer{};
  uv_async_t async{};
  uv_poll_t watched{};
  LinkOptions target;
  client::Client client;
  Link link{&loop, *this};
  mqtt::ByteBuffer input;  // that the client has not been given
  mqtt::ByteBuffer fed;    // that it has been given, and may still point into
  LinkEnd last_end;
  std::atomic<bool> interrupted = false;
  bool closed_due = false;  // the client has not been told
  bool is_watching = false;
  bool readable = false;
};

ClientRunner::ClientRunner(client::Options client, LinkOptions link)
    : state_(std::make_unique<State>(std::move(client), std::move(link))) {}

ClientRunner::~ClientRunner() = default;

client::Client& ClientRunner::client() noexcept { return state_->client; }

void ClientRunner::set_link(LinkOptions link) { state_->target = std::move(link); }

broker::Instant ClientRunner::now() const noexcept { return state_->now(); }

std::optional<client::Event> ClientRunner::next(std::optional<broker::Instant> until) {
  State& state = *state_;
  state.look_at_watched();
  while (!state.interrupted.exchange(false)) {
    if (auto event = state.take_event()) return event;
    if (state.feed()) continue;
    state.send_output();
    if (state.readable || (until && state.now() >= *until)) return std::nullopt;
    std::optional<broker::Instant> wake = state.client.next_wake();
    if (!wake && !until && state.link.is_idle() && !state.is_watching) return std::nullopt;
    if (until && (!wake || *until < *wake)) wake = until;
    state.wait(wake);
  }
  return std::nullopt;
}

bool ClientRunner::flush(std::optional<broker::Instant> until) {
  State& state = *state_;
  while (!state.interrupted.load()) {
    state.send_output();
    const bool sent = state.client.output().empty() && state.link.unsent() == 0;
    if (sent || !state.link.is_open()) return sent;
    if (until && state.now() >= *until) return false;
    state.wait(until);
  }
  return false;
}

void ClientRunner::close() {
  State& state = *state_;
  state.send_output();
  state.link.close();
  while (!state.link.is_idle()) state.wait(std::nullopt);
}

bool ClientRunner::watch(int descriptor) { return state_->watch(descriptor); }

bool ClientRunner::is_readable() const noexcept { return state_->readable; }

void ClientRunner::interrupt() noexcept {
  state_->interrupted.store(true);
  uv_async_send(&state_->async);
}

const LinkEnd& ClientRunner::last_end() const noexcept { return state_->last_end; }

const Link& ClientRunner::link() const noexcept { return state_->link; }

}  // namespace transport
