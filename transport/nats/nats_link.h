// transport/nats/nats_link.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"

namespace transport {

/// The way to a NATS cluster, and the limits on it.
struct NatsOptions {
  std::vector<std::string> urls;  // nats://host:port, tls://host:port; tried in turn
  std::string name;               // of the connection, as nats-server shows it (connz)
  std::string user;
  std::string password;
  std::string token;
  std::string credentials_file;  // of a user with JWT and NKey; empty: none
  std::string ca_file;           // this, or a certificate: TLS with all servers
  std::string certificate_file;
  std::string key_file;
  bool insecure = false;  // TLS without a check of the server's certificate
  std::string bucket;     // of the records: [A-Za-z0-9_-]+; empty: no records
  std::uint32_t replicas = 3;
  std::size_t pending_bytes_max = 8'388'608;  // published messages that NATS has not taken
  std::uint32_t silence_milliseconds = 3000;  // a server that does not answer so long is left
  std::uint32_t stop_milliseconds = 3000;     // stop() takes no longer
};

/// Counts since start(), and the state now.
struct NatsFigures {
  bool is_connected = false;
  std::string server;            // "nats://host:port" of the connection, or of the last one
  std::uint64_t reconnects = 0;  // connections after the first one
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_out = 0;  // payloads
  std::uint64_t messages_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t pending_bytes = 0;   // published, and not given to a socket
  std::uint64_t dropped = 0;         // messages for which there was no room, or that NATS refuses
  std::uint64_t reading_pauses = 0;  // messages came faster than nats_received() took them
};

/// Why a record was not written.
enum class RecordRefusal : std::uint8_t {
  unavailable,  // no connection, no bucket, no quorum, no answer: it may have been written
  conflict,     // its revision is another one than expected: nothing was written
  invalid,      // the key or the value is none for NATS
};

/// The receiver of everything that NATS sends.
///
/// Threads   Calls come from threads of NatsLink and of libnats, one at a time. A call must not
/// wait
///           for long: messages that follow wait for it. It may use all of NatsLink but stop().
class NatsUser {
 public:
  /// `server`: "nats://host:port". Subscriptions are under way; nothing was received from it yet.
  virtual void nats_connected(std::string_view server) = 0;
  /// The connection is lost, or there is none to be had: a sentence with the address of the server.
  /// While there is none, called again only for another reason.
  virtual void nats_disconnected(std::string_view why) = 0;
  /// A complaint of the server, or about it, that leaves the connection as it is: no permission
  /// for a subject, messages that were lost. A sentence.
  virtual void nats_complained(std::string_view what) = 0;
  /// A message of a subscription; one copy for each subscription that matches. The views hold
  /// until it returns.
  virtual void nats_received(std::string_view subject, mqtt::Bytes payload) = 0;
  /// Half of the room for published messages is free, after publish() has said that it is full.
  virtual void nats_has_room() = 0;

  /// A record of the bucket was written or deleted, or was there when the watch began. After a
  /// reconnect known records are told again. The views hold until it returns.
  virtual void record_seen(std::string_view key, mqtt::Bytes value, std::uint64_t revision,
                           bool deleted) = 0;
  /// All records have been seen that were there when the watch began; keys that vanished
  /// meanwhile were told as deleted, with revision 0. Called after each connect, and whenever the
  /// watch had to be made again.
  virtual void records_are_current() = 0;
  /// The bucket cannot be used: a sentence. Called again only for another reason, until
  /// records_are_current().
  virtual void records_unavailable(std::string_view why) = 0;
  /// The answers to put_record() and its like, in the order of the calls. `revision` is 0 for a
  /// deletion.
  virtual void record_written(std::string_view key, std::uint64_t revision) = 0;
  virtual void record_refused(std::string_view key, RecordRefusal refusal,
                              std::string_view why) = 0;

 protected:
  ~NatsUser() = default;
};

/// The connection of this process to NATS: publishes, subscriptions of core NATS, and one bucket
/// of records (a KV bucket of JetStream: in memory, the newest value of each key).
///
/// Shape      start() -> calls of NatsUser -> stop().
///            publish() puts a message into a queue, which a thread of its own writes to the
///            socket: a message alone at once, many together with one system call. Another thread
///            does the requests of the bucket, one after the other: each waits for its answer.
/// Invariant  While there is no connection, the servers are tried in turn for ever. After a
///            reconnect all subscriptions are made again, and so is the watch of the bucket.
///            Published messages wait meanwhile, pending_bytes_max at most; those that were on
///            their way when the connection broke (64 KiB and the buffer of the socket) are lost.
///            Records are as safe as the memory of the servers: when most replicas have started
///            again, records are gone, and told as deleted. Their owner has to write them again.
/// Lifetime   `user` outlives stop(), or this object. After stop() no call of it follows.
/// Threads    Any. No function waits for the network, but stop().
class NatsLink final {
 public:
  NatsLink(NatsOptions options, NatsUser& user);
  /// Stops.
  ~NatsLink();
  NatsLink(const NatsLink&) = delete;
  NatsLink& operator=(const NatsLink&) = delete;

  /// Begins to connect. Once; servers need not be there.
  ///
  /// Errors    A sentence: no URL, or one that is none; a file that cannot be used.
  [[nodiscard]] std::expected<void, std::string> start();

  enum class Published : std::uint8_t {
    queued,     // there is room for more
    full,       // queued, and now there is no room: nats_has_room() will follow
    dropped,    // there was no room; counted
    too_large,  // for the server: its max_payload; counted
  };
  /// Sends a message to the subscribers of `subject` on other connections: this one gets no copy.
  ///
  /// Requires  A subject without wildcards.
  /// Order     Messages of one thread stay in order.
  /// Cost      A copy of the bytes under a lock.
  Published publish(std::string_view subject, mqtt::Bytes payload);
  /// Bytes of a payload at most, as the last server said; 1 MiB before that.
  [[nodiscard]] std::size_t payload_bytes_max() const noexcept;
  /// Published messages that NATS has not taken.
  [[nodiscard]] std::size_t pending_bytes() const noexcept;

  /// Idempotent: a subject is subscribed to, or not. A subject that is none, or not permitted, is
  /// told by nats_complained().
  void subscribe(std::string_view subject);
  void unsubscribe(std::string_view subject);

  /// Writes a record: record_written() or record_refused() follows. While a put of this kind waits,
  /// a newer one of the same key takes its place, and both have one answer.
  ///
  /// Requires  Keys of [A-Za-z0-9_=/.-], no '.' at an end or beside another.
  void put_record(std::string_view key, mqtt::Bytes value);
  /// Writes it only if its revision is `expected`; 0: only if there is none.
  void put_record_if(std::string_view key, mqtt::Bytes value, std::uint64_t expected);
  void delete_record(std::string_view key);

  [[nodiscard]] NatsFigures figures() const;

  /// Ends everything within stop_milliseconds. What was published just before is sent if the
  /// server takes it at once; waiting requests of the bucket have no answer.
  void stop();

 private:
  class State;
  std::shared_ptr<State> state_;  // shared with the threads: one that hangs does not hold stop() up
};

}  // namespace transport
