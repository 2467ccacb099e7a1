// broker/shard_admin.h
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "broker/client_view.h"
#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/retained_walk.h"
#include "broker/core/top_meter.h"
#include "broker/core/trace_sink.h"
#include "broker/shard.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A connection as a trace that begins in its middle needs it.
///
/// Lifetime   Views into the shard, good until the next call of it.
struct ConnectionView {
  std::string_view client_id;  // empty: CONNECT has not been accepted
  mqtt::Version version = mqtt::Version::v3_1_1;
  mqtt::Bytes tail;  // received, and not handled: whole packets may be among it
};

/// An administrator's questions to a shard, and orders.
///
/// Lifetime   Of one expression: Shard::admin(). The shard outlives it.
/// Threads    The shard's.
class ShardAdmin final {
 public:
  /// Shows the clients with a session here, connected or not: one call of `visit` for each, for a
  /// part of the sessions from place `next` on, which it moves on.
  ///
  /// Requires  `visit` calls no shard, and takes about a microsecond. It returns whether it wants
  /// to
  ///           see more.
  /// Returns   Whether there is more to show; then it is to be called again in a later turn.
  [[nodiscard]] bool show_clients(std::size_t& next, Instant now,
                                  const std::function<bool(const ClientView&)>& visit) const;
  /// Shows one client, and its subscriptions if `visit` wants to see them.
  ///
  /// Returns   False if it has no session here.
  [[nodiscard]] bool show_client(
      std::string_view client_id, Instant now, const std::function<bool(const ClientView&)>& visit,
      const std::function<void(const SubscriptionView&)>& visit_subscription) const;
  /// Disconnects a client, with Administrative action (5.0); its will is published.
  ///
  /// Returns   False if it is not connected here.
  bool disconnect_client(std::string_view client_id, Instant now);
  /// The same, and its session ends with all that waits in it.
  ///
  /// Returns   False if it has no session here.
  bool forget_session(std::string_view client_id, Instant now);
  /// A walk over the retained messages that match a filter, for continue_walk(). Every shard has
  /// all retained messages.
  ///
  /// Lifetime  The shard outlives it. It belongs to the shard's thread.
  [[nodiscard]] std::unique_ptr<RetainedWalk> walk_retained(std::string_view filter);
  /// Shows a part of the retained messages of a walk.
  ///
  /// Returns   Whether there is more to show; then it is to be called again in a later turn.
  [[nodiscard]] bool continue_walk(
      RetainedWalk& walk, Instant now,
      const std::function<void(const MessageView&, const Publisher*)>& visit) const;
  /// Removes the retained message of a topic from all shards, as an empty retained PUBLISH in the
  /// broker's name does: clients that subscribe to the topic get it.
  ///
  /// Returns   False if the topic has none.
  bool remove_retained(std::string_view topic, Instant now);
  /// The topics and clients that publish with the highest rates.
  ///
  /// Lifetime  Until the next call of the shard.
  [[nodiscard]] const TopMeter& top() const noexcept;

  /// Has decisions told to `sink` from here on; null: to nobody.
  ///
  /// Lifetime  The sink stays until another one takes its place.
  void trace(TraceSink* sink) noexcept;
  /// Calls `visit` with a connection, if the shard has it.
  void show_connection(ConnectionId connection,
                       const std::function<void(const ConnectionView&)>& visit) const;

 private:
  friend class Shard;
  explicit ShardAdmin(Shard::Inside& inside) noexcept : inside_(inside) {}

  Shard::Inside& inside_;
};

}  // namespace broker
