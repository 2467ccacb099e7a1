#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/shard.h"
#include "broker/wire/bytes.h"

namespace transport {

struct Connection;
class ConnectionTable;
class Loop;

/// A client that is a part of this process, and speaks MQTT with its shard by calls.
///
/// Threads    Its loop's. While it is called, it calls neither the shard nor InnerClients: the
///            shard's output is being drained.
class InnerClient {
 public:
  /// The shard's output of a turn: MQTT bytes in order, splices and all, gone after the call.
  ///
  /// Returns   How much the client holds back: see broker::Shard::writable().
  [[nodiscard]] virtual std::size_t inner_received(const broker::Output& output) = 0;
  /// The shard has ended the connection; its name means nothing any more.
  virtual void inner_closed() = 0;
  /// The shard takes bytes again, after InnerClients::send() had returned false.
  virtual void inner_resumed() = 0;

 protected:
  ~InnerClient() = default;
};

/// The connections of a loop that have no socket: both ends of them are in this process.
///
/// Shape      open() -> send(), InnerClient's calls -> close(), or the shard ends it
/// Invariant  Each is a Connection of the loop's table in the state `inner`, so that it has a name
///            as every other: the shard sees no difference. Of the stages of a connection it has
///            none, and it counts in no limit of a listener or an address.
/// Lifetime   A part of Connections. A client outlives its connection.
/// Threads    Its loop's only.
class InnerClients {
 public:
  InnerClients(Loop& loop, ConnectionTable& table) noexcept : loop_(loop), table_(table) {}
  InnerClients(const InnerClients&) = delete;
  InnerClients& operator=(const InnerClients&) = delete;

  // For clients.

  /// Tells the shard that a connection is there.
  [[nodiscard]] broker::ConnectionId open(InnerClient& client, const broker::Origin& origin);
  /// Gives MQTT bytes to the shard.
  ///
  /// Requires  The bytes stay as they are until this returns.
  /// Returns   Whether it takes more now: otherwise inner_resumed() comes.
  bool send(broker::ConnectionId id, mqtt::Bytes bytes);
  /// The client is behind with so much: to be said when that has changed without a write().
  void report(broker::ConnectionId id, std::size_t queued_bytes);
  /// The connection is lost, so that the shard publishes the will; its log has no line about it. No
  /// call of the client follows.
  void close(broker::ConnectionId id);

  // For Connections, about a connection in the state `inner`.

  /// Returns how much the client holds back.
  [[nodiscard]] std::size_t write(const Connection& connection, const broker::Output& output);
  void resume(const Connection& connection);
  /// The shard has ended it.
  void end(Connection& connection);
  /// The loop ends: the client is not told.
  void drop(Connection& connection);

 private:
  [[nodiscard]] InnerClient& client_of(const Connection& connection) const;

  Loop& loop_;
  ConnectionTable& table_;
  std::unordered_map<std::uint32_t, InnerClient*> clients_;  // by slot
};

}  // namespace transport
