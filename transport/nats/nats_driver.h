// transport/nats/nats_driver.h
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/nats/bell.h"
#include "transport/nats/nats_connection.h"
#include "transport/nats/nats_link.h"
#include "transport/nats/nats_outbox.h"
#include "transport/nats/nats_receiver.h"

namespace transport {

/// The thread of a NatsLink that has the connection: makes it, makes it again, writes the outbox
/// to it and reads from it.
///
/// Shape      All servers are tried, one after the other: a round. Rounds have pauses between
///            them that grow to some seconds, with chance in them. The first server of a node
///            depends on its name, so that nodes share the servers out.
/// Threads    run(): its own. The others: any.
class NatsDriver final {
 public:
  /// Told of each new connection, and of its end (null).
  using UseConnection = std::function<void(std::shared_ptr<NatsConnection>)>;

  NatsDriver(const NatsOptions& options, std::shared_ptr<NatsReceiver> receiver, NatsOutbox& outbox,
             UseConnection use);

  /// Runs until stop(), and sends what is in the outbox then if the server takes it.
  void run();
  void stop();
  /// run() does not end: breaks the connection.
  void break_off();

  void subscribe(std::string_view subject);
  void unsubscribe(std::string_view subject);
  /// False: the system had no descriptor left for it.
  [[nodiscard]] bool can_wake() const noexcept { return bell_->descriptor() >= 0; }
  /// There is something in the outbox.
  void wake() noexcept { bell_->ring(); }

  [[nodiscard]] std::size_t payload_bytes_max() const noexcept { return payload_bytes_max_.load(); }
  /// Fills in its part.
  void report(NatsFigures& figures) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Attempt;

  /// Waits for a connection. Null: stop() was called.
  [[nodiscard]] std::shared_ptr<NatsConnection> connect();
  [[nodiscard]] std::shared_ptr<NatsConnection> try_server(const std::string& url);
  void pause(unsigned round);
  void tell_lost(const std::string& why);
  void serve(const std::shared_ptr<NatsConnection>& connection);
  void begin(const std::shared_ptr<NatsConnection>& connection);
  void change_subscriptions(NatsConnection& connection);
  void subscribe_now(NatsConnection& connection, const std::string& subject);
  /// Gives the connection as much as it should have at once.
  void send(NatsConnection& connection);
  void wait(NatsConnection& connection);
  void read(NatsConnection& connection);
  void complain(const std::string& what);
  void finish(NatsConnection& connection);
  /// Waits for the bell, or so long.
  void wait_for_bell(std::chrono::milliseconds time);

  const NatsOptions& options_;
  const std::shared_ptr<NatsReceiver> receiver_;
  NatsOutbox& outbox_;
  const UseConnection use_;
  const std::shared_ptr<Bell> bell_;
  const std::shared_ptr<std::atomic<int>> attempts_;  // that go on, those that hang too
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // guards these
  std::set<std::string, std::less<>> subjects_;
  std::vector<std::pair<std::string, bool>> changes_;  // of subjects_, since they were looked at
  std::shared_ptr<NatsConnection> connection_;         // for break_off()
  NatsFigures figures_;                                // its part of them

  std::atomic<std::size_t> payload_bytes_max_{1'048'576};
  std::set<std::string> told_;  // why there is no connection, since the last one
  std::size_t next_url_ = 0;    // to try
  std::minstd_rand chance_;
  bool is_behind_ = false;  // reading is paused
};

}  // namespace transport
