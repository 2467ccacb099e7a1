// transport/nats/nats_connection.h
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <nats/nats.h>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "transport/nats/bell.h"
#include "transport/nats/nats_link.h"
#include "transport/nats/nats_outbox.h"
#include "transport/nats/nats_receiver.h"

namespace transport {

/// One connection to one NATS server, from its handshake to its end.
///
/// Shape      libnats as it is used with an event loop, the loop being NatsDriver: what libnats
///            writes goes into its buffer, write() empties that into the socket; read() reads the
///            socket once, and a thread of libnats delivers the messages to NatsReceiver.
///            So no call waits for the socket, many messages leave with one system call, and only
///            one thread uses TLS. (Of itself libnats waits a millisecond for more to write, reads
///            and writes one TLS connection on two threads, and holds its lock while it waits.)
/// Lifetime   close() before the last reference goes.
/// Threads    The driver's, unless marked.
class NatsConnection final {
 public:
  /// Connects. Waits: for a name to be resolved as long as the resolver does, for a server in TLS
  /// as long as it likes, else silence_milliseconds. Any thread.
  ///
  /// Errors    A sentence with the address of the server.
  [[nodiscard]] static std::expected<std::shared_ptr<NatsConnection>, std::string> open(
      const NatsOptions& options, const std::string& url, std::shared_ptr<NatsReceiver> receiver,
      std::shared_ptr<Bell> bell);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  /// For requests. Any thread.
  [[nodiscard]] natsConnection* handle() const noexcept { return connection_; }
  /// Waits for the answer to a ping. Any thread but the driver's.
  [[nodiscard]] bool ping(std::int64_t milliseconds) const noexcept;
  /// Makes the connection end: the driver sees the end of the socket. Any thread.
  void break_off(std::string_view why);

  /// The calling thread becomes the driver's.
  void adopt() noexcept { driver_ = std::this_thread::get_id(); }
  [[nodiscard]] bool is_open() const noexcept { return socket_.load() >= 0; }
  [[nodiscard]] int socket() const noexcept { return socket_.load(); }
  [[nodiscard]] const std::string& server() const noexcept { return server_; }
  [[nodiscard]] std::size_t payload_bytes_max() const noexcept;

  /// Whether something waits for the socket to take it.
  [[nodiscard]] bool has_output() const noexcept { return has_output_.load(); }
  void write() noexcept { natsConnection_ProcessWriteEvent(connection_); }
  void read() noexcept { natsConnection_ProcessReadEvent(connection_); }
  [[nodiscard]] natsStatus publish(const NatsOutbox::Message& message) noexcept;
  /// Errors    A clause.
  [[nodiscard]] std::expected<void, std::string> subscribe(const std::string& subject);
  void unsubscribe(const std::string& subject);

  /// Messages that were read and not delivered are so many that nothing more should be read.
  /// Cost      Subscriptions, once for each MiB that was read.
  [[nodiscard]] bool is_behind();
  /// A complaint of the server that has not been returned before; or nothing.
  [[nodiscard]] std::string take_complaint();
  /// Why the connection has ended: a sentence.
  [[nodiscard]] std::string end_reason();
  void close();

 private:
  NatsConnection(std::shared_ptr<NatsReceiver> receiver, std::shared_ptr<Bell> bell,
                 std::string server);
  // For libnats, which calls them on the thread that causes them, with its lock held.
  static natsStatus attach(void** place, void* self, natsConnection* connection, natsSock socket);
  static natsStatus poll_read(void* self, bool add);
  static natsStatus poll_write(void* self, bool add);
  static natsStatus detach(void* self);
  static void deliver(natsConnection* connection, natsSubscription* subscription, natsMsg* message,
                      void* receiver);

  const std::shared_ptr<NatsReceiver> receiver_;
  const std::shared_ptr<Bell> bell_;
  const std::string server_;
  natsConnection* connection_ = nullptr;
  std::atomic<std::thread::id> driver_;
  std::atomic<bool> has_output_{false};

  std::mutex mutex_;             // held by break_off(), and while the socket is forgotten
  std::atomic<int> socket_{-1};  // -1: before the handshake, or the connection has ended
  std::string break_reason_;     // of break_off(); under mutex_

  std::unordered_map<std::string, natsSubscription*> subscriptions_;
  std::string last_complaint_;
  natsStatistics* statistics_ = nullptr;  // for is_behind()
  std::uint64_t bytes_at_last_look_ = 0;  // that were read then
  bool was_behind_ = false;
  std::chrono::steady_clock::time_point behind_at_{};  // the last time
};

}  // namespace transport
