#include "transport/nats/nats_link.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

#include "transport/nats/nats_driver.h"
#include "transport/nats/nats_outbox.h"
#include "transport/nats/nats_receiver.h"
#include "transport/nats/nats_records.h"
#include "transport/nats/nats_text.h"

namespace transport {

/// The parts of a link, shared by its threads.
class NatsLink::State {
 public:
  State(NatsOptions wanted, NatsUser& user)
      : options(std::move(wanted)),
        receiver(std::make_shared<NatsReceiver>(user)),
        outbox(options.pending_bytes_max),
        records(options, receiver),
        driver(options, receiver, outbox, [this](std::shared_ptr<NatsConnection> connection) {
          records.use(std::move(connection));
        }) {}

  const NatsOptions options;
  const std::shared_ptr<NatsReceiver> receiver;
  NatsOutbox outbox;
  NatsRecords records;
  NatsDriver driver;
  std::atomic<std::uint64_t> dropped{0};  // by publish()

  std::mutex mutex;  // guards these
  std::condition_variable ended;
  int running = 0;  // threads

  /// Starts a thread that keeps `self` until it ends.
  template <typename Run>
  static void start_thread(const std::shared_ptr<State>& self, Run run) {
    {
      const std::scoped_lock lock(self->mutex);
      ++self->running;
    }
    std::thread([self, run] {
      run(*self);
      const std::scoped_lock lock(self->mutex);
      --self->running;
      self->ended.notify_all();
    }).detach();
  }
  /// Waits for the threads. False: one still runs.
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return ended.wait_for(lock, time, [this] { return running == 0; });
  }
};

NatsLink::NatsLink(NatsOptions options, NatsUser& user)
    : state_(std::make_shared<State>(std::move(options), user)) {}

NatsLink::~NatsLink() { stop(); }

std::expected<void, std::string> NatsLink::start() {
  if (state_->options.urls.empty()) return std::unexpected("There is no URL of a NATS server.");
  for (const std::string& url : state_->options.urls) {
    const auto made = nats_options(state_->options, url);
    if (!made) return std::unexpected(made.error());
  }
  // libnats reads it with each connection, and not before.
  const std::string& credentials = state_->options.credentials_file;
  if (!credentials.empty() && ::access(credentials.c_str(), R_OK) != 0) {
    return std::unexpected("The file '" + credentials +
                           "' with the NATS user cannot be read: " + std::strerror(errno) + ".");
  }
  if (!state_->driver.can_wake()) return std::unexpected("No descriptor is left for NATS.");
  State::start_thread(state_, [](State& state) { state.driver.run(); });
  State::start_thread(state_, [](State& state) { state.records.run(); });
  return {};
}

NatsLink::Published NatsLink::publish(std::string_view subject, mqtt::Bytes payload) {
  if (payload.size() > payload_bytes_max()) {
    state_->dropped.fetch_add(1, std::memory_order_relaxed);
    return Published::too_large;
  }
  const NatsOutbox::Added added = state_->outbox.add(subject, payload);
  if (added.wake) state_->driver.wake();
  if (added.queued) return added.has_room ? Published::queued : Published::full;
  state_->dropped.fetch_add(1, std::memory_order_relaxed);
  return Published::dropped;
}

std::size_t NatsLink::payload_bytes_max() const noexcept {
  return state_->driver.payload_bytes_max();
}

std::size_t NatsLink::pending_bytes() const noexcept { return state_->outbox.bytes(); }

void NatsLink::subscribe(std::string_view subject) { state_->driver.subscribe(subject); }

void NatsLink::unsubscribe(std::string_view subject) { state_->driver.unsubscribe(subject); }

void NatsLink::put_record(std::string_view key, mqtt::Bytes value) {
  state_->records.put(key, value, std::nullopt);
}

void NatsLink::put_record_if(std::string_view key, mqtt::Bytes value, std::uint64_t expected) {
  state_->records.put(key, value, expected);
}

void NatsLink::delete_record(std::string_view key) { state_->records.remove(key); }

NatsFigures NatsLink::figures() const {
  NatsFigures figures;
  state_->driver.report(figures);
  figures.messages_in = state_->receiver->messages();
  figures.bytes_in = state_->receiver->bytes();
  figures.pending_bytes = state_->outbox.bytes();
  figures.dropped += state_->dropped.load(std::memory_order_relaxed);
  return figures;
}

void NatsLink::stop() {
  const std::chrono::milliseconds time(state_->options.stop_milliseconds);
  state_->driver.stop();
  state_->records.stop();
  // A server that stalls in the middle of a TLS record holds the thread that reads.
  if (!state_->wait(time / 2)) {
    state_->driver.break_off();
    state_->wait(time / 2);
  }
  // A thread that still hangs keeps what it needs, and finds no user.
  state_->receiver->leave();
}

}  // namespace transport
