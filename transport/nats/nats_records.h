// transport/nats/nats_records.h
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/nats/nats_connection.h"
#include "transport/nats/nats_link.h"
#include "transport/nats/nats_receiver.h"
#include "transport/nats/nats_text.h"
#include "transport/nats/record_watch.h"

namespace transport {

/// The bucket of a NatsLink: opens it, watches it, and does the requests, on a thread of its own,
/// since libnats waits for the answers. The thread pings the server as well.
///
/// Shape      With each new connection: find the bucket or make it -> watch it -> requests, in
///            order. What cannot be done is tried again, with pauses that grow.
/// Invariant  The watch is made again if it does not bring a record that this node has written:
///            of a consumer that died with its server libnats may hear late or never.
/// Threads    run(): its own. The others: any.
class NatsRecords final {
 public:
  NatsRecords(const NatsOptions& options, std::shared_ptr<NatsReceiver> receiver);

  /// Runs until stop(). One that waits for an answer ends when its connection does.
  void run();
  void stop();
  /// There is a new connection, or none.
  void use(std::shared_ptr<NatsConnection> connection);

  void put(std::string_view key, mqtt::Bytes value, std::optional<std::uint64_t> expected);
  void remove(std::string_view key);

 private:
  using Clock = std::chrono::steady_clock;
  struct Request {
    enum class Kind : std::uint8_t { put, put_if, remove };
    Kind kind = Kind::put;
    std::string key;
    std::string value;
    std::uint64_t expected = 0;
  };

  void add(Request request);
  /// Waits for something to do.
  void wait(std::unique_lock<std::mutex>& lock);
  void take_connection(std::shared_ptr<NatsConnection> connection);
  /// Opens and watches the bucket, if that is due.
  void prepare();
  [[nodiscard]] std::expected<void, std::string> open_bucket();
  [[nodiscard]] std::expected<NatsPtr<kvStore>, std::string> find_or_create();
  void check_configuration();
  void handle(const Request& request);
  [[nodiscard]] natsStatus perform(const Request& request, std::uint64_t& revision);
  /// Asks JetStream whether there is no bucket any more.
  [[nodiscard]] bool is_gone();
  void refuse(const Request& request, natsStatus status);
  void check_watch();
  void ping();

  const NatsOptions& options_;
  const std::shared_ptr<NatsReceiver> receiver_;

  std::mutex mutex_;  // guards these
  std::condition_variable changed_;
  std::deque<Request> requests_;
  std::shared_ptr<NatsConnection> newest_;
  bool has_newest_ = false;  // newest_ was not taken yet
  bool stopping_ = false;

  // The thread's own.
  std::shared_ptr<NatsConnection> connection_;
  NatsPtr<jsCtx> context_;
  NatsPtr<kvStore> bucket_;
  RecordWatch watch_;
  std::string trouble_;  // that was told last; empty: none
  bool has_complained_ = false;
  Clock::time_point next_try_;
  std::chrono::milliseconds pause_{0};
  Clock::time_point next_look_;  // at a watch that is not current
  std::chrono::milliseconds look_pause_{0};
  Clock::time_point next_ping_;
};

}  // namespace transport
