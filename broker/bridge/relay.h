#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "broker/bridge/options.h"
#include "broker/bridge/topic_map.h"
#include "broker/client/client.h"
#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/wire/bytes.h"

namespace bridge {

using broker::Instant;

/// The counts of messages since the start of a bridge.
struct MessageFigures {
  std::uint64_t sent = 0;      // to the other broker
  std::uint64_t received = 0;  // from it
  std::uint64_t dropped = 0;   // too large for the other broker, or beyond hops_max
};

/// The two ways of messages over a bridge: an event of the client at one end makes a call of the
/// client at the other, so that each step of a handshake is taken at one end after the other.
///
/// Shape      take_remote(), take_local() with each event of that client -> take_failure()
/// Invariant  See Bridge: packet identifiers are the same at both ends, and an acknowledgement is
///            given at one end after it was given at the other.
/// Lifetime   Options, map, clients and log outlive it. clear() when a connection has ended.
/// Threads    None.
class Relay final {
 public:
  Relay(const Options& options, const TopicMap& map, client::Client& remote, client::Client& local,
        broker::Log& log)
      : options_(options), map_(map), remote_(remote), local_(local), log_(log) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// An event of the client of the other broker, or of this one. Events about anything but
  /// messages are passed over.
  void take_remote(const client::Event& event, Instant now);
  void take_local(const client::Event& event, Instant now);
  /// Whether a message found no room since the last call. It comes again on new connections.
  [[nodiscard]] bool take_failure() noexcept { return std::exchange(failed_, false); }
  /// Forgets the handshakes: the sessions begin them anew.
  void clear();
  /// Begins the time without a message anew.
  void begin(Instant now) noexcept { last_crossing_ = now; }

  /// When a message crossed last.
  [[nodiscard]] Instant last_crossing() const noexcept { return last_crossing_; }
  [[nodiscard]] const MessageFigures& figures() const noexcept { return figures_; }

 private:
  /// The state of one direction.
  struct Way {
    /// QoS 2 where they come from, and less where they go: PUBREL goes no further.
    std::unordered_set<mqtt::PacketId> lowered;
  };

  /// Writes those for the other end to properties_, one hop more among them. Returns false if the
  /// message has crossed too many bridges.
  bool carry_properties(const mqtt::Publish& publish);
  void cross_to_remote(const client::Message& message, Instant now);
  void cross_to_local(const client::Message& message, Instant now);
  [[nodiscard]] bool is_too_large(const client::Publication& publication) const noexcept;
  static void released(Way& way, client::Client& from, client::Client& to,
                       const client::Receipt& receipt, Instant now);
  /// The message of the receipt is done with at the other end: it is acknowledged at its origin.
  static void acknowledged(Way& way, client::Client& from, const client::Receipt& receipt,
                           mqtt::Reason reason, Instant now);
  /// Decides about a message at its origin after its publication was not taken.
  void not_taken(Way& way, client::Client& from, const client::Receipt& receipt,
                 client::Accepted why, Instant now);

  const Options& options_;
  const TopicMap& map_;
  client::Client& remote_;
  client::Client& local_;
  broker::Log& log_;
  Way out_;
  Way in_;
  MessageFigures figures_;
  Instant last_crossing_;
  bool failed_ = false;
  std::string name_;  // of the topic at hand at the other end
  mqtt::ByteBuffer forwarded_;
  mqtt::ByteBuffer properties_;
};

}  // namespace bridge
