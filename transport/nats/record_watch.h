// transport/nats/record_watch.h
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <nats/nats.h>
#include <optional>
#include <string>

#include "transport/nats/nats_receiver.h"

namespace transport {

/// The watch of a bucket: an ordered consumer of its stream, which begins with the newest value of
/// each key. Tells NatsReceiver each record, and when all have been told that there were.
///
/// Shape      begin() is a new pass: keys of earlier passes that it does not bring have vanished,
///            and are told as deleted at its end.
/// Threads    NatsRecords'; records come on the thread that delivers messages.
class RecordWatch final {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RecordWatch(std::shared_ptr<NatsReceiver> receiver);
  ~RecordWatch();
  RecordWatch(const RecordWatch&) = delete;
  RecordWatch& operator=(const RecordWatch&) = delete;

  /// Waits for answers of the server. `context` outlives the watch's use, until end().
  ///
  /// Errors    A clause.
  [[nodiscard]] std::expected<void, std::string> begin(jsCtx* context, const std::string& bucket);
  void end();
  [[nodiscard]] bool is_on() const noexcept { return subscription_ != nullptr; }
  /// Asks the leader of the stream whether all records have been told, unless that is known.
  /// Waits for its answer.
  void look();
  [[nodiscard]] bool is_current() const noexcept;
  /// A record was written with this revision: the watch has to bring it. Revisions grow, unless
  /// the stream is another one, which somebody has made in place of the one that is watched.
  void expect(std::uint64_t revision, Clock::time_point now);
  /// Whether it has not brought it for so long, or watches what is gone.
  [[nodiscard]] bool has_missed(std::chrono::milliseconds patience, Clock::time_point now);

 private:
  class Pass;
  struct Share;
  static void deliver(natsConnection* connection, natsSubscription* subscription, natsMsg* message,
                      void* share);
  static void release(void* share);

  std::shared_ptr<Pass> pass_;
  jsCtx* context_ = nullptr;  // of begin()
  std::string stream_;
  std::unique_ptr<Share> share_;  // of a try that failed
  natsSubscription* subscription_ = nullptr;
  std::uint64_t last_written_ = 0;  // revision
  bool is_other_stream_ = false;
  std::uint64_t expected_ = 0;                     // revision; 0: nothing is expected
  std::optional<Clock::time_point> unseen_since_;  // it was written
};

}  // namespace transport
