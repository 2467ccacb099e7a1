// broker/publishes.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/client_log.h"
#include "broker/commits.h"
#include "broker/core/connection.h"
#include "broker/core/holdings.h"
#include "broker/core/ledger.h"
#include "broker/core/metrics.h"
#include "broker/core/top_meter.h"
#include "broker/disconnects.h"
#include "broker/distribution.h"
#include "broker/forwards.h"
#include "broker/next.h"
#include "broker/pressure.h"
#include "broker/reading.h"
#include "broker/replies.h"
#include "broker/shard.h"
#include "broker/turn.h"
#include "broker/wire/ack.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"

namespace broker {

/// PUBLISH packets of clients: each is checked, distributed and acknowledged; and PUBREL, which
/// ends one with QoS 2.
///
/// Shape      take() -> rate of the client -> Pressure: the packet is put aside, for retake()
///                   -> Distribution -> PUBACK or PUBREC by Replies, when Commits says
/// Invariant  A message with QoS 2 is distributed once, however often it comes before its PUBREL
///            [MQTT-4.3.3-10]. A refused message is acknowledged with its reason, and goes
///            nowhere; an error of protocol ends the connection.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Sections 3.3, 3.6 and 4.3.
class Publishes final {
 public:
  Publishes(const ShardOptions& options, Ledger& ledger, Holdings& holdings, Forwards& forwards,
            const Commits& commits, Metrics& metrics, Pressure& pressure, const Turn& turn,
            Distribution& distribution, ClientLog& log, Replies& replies, Reading& reading,
            Disconnects& disconnects);

  /// Takes a PUBLISH that has come, and counts it against the rate of its client where that is
  /// limited: Next::wait begins a delay, see Reading.
  ///
  /// Requires  The client is connected.
  Next take(Connection& connection, const mqtt::Frame& frame) {
    return is_metered(connection) ? take_metered(connection, frame) : retake(connection, frame);
  }
  /// Takes a PUBLISH that was counted when it came.
  Next retake(Connection& connection, const mqtt::Frame& frame);
  /// Takes PUBREL: the identifier is free, and PUBCOMP says so.
  void release(Connection& connection, const mqtt::Ack& pubrel);

  /// The topics and clients with the highest rates.
  [[nodiscard]] TopMeter& top() noexcept { return top_; }

 private:
  [[nodiscard]] bool is_metered(const Connection& connection) const {
    return options_.listeners[connection.listener].publish_rate.is_on();
  }
  Next take_metered(Connection& connection, const mqtt::Frame& frame);
  [[nodiscard]] std::optional<mqtt::Failure> check(const Connection& connection,
                                                   const mqtt::Publish& packet) const;
  [[nodiscard]] static std::optional<mqtt::Failure> resolve_alias(Connection& connection,
                                                                  mqtt::Publish& packet);
  /// The topic with the mount point in front; empty if that is too long.
  ///
  /// Lifetime  Until the next call.
  [[nodiscard]] std::string_view whole_topic(const Connection& connection,
                                             const mqtt::Publish& packet) {
    const std::string_view mount = connection.session->mount_point;
    return mount.empty() ? packet.topic : topic_below(mount, packet.topic);
  }
  /// The rest of whole_topic().
  [[nodiscard]] std::string_view topic_below(std::string_view mount, std::string_view topic);
  /// Gives a PUBLISH to the sketches of TopMeter. Its text is put together here, so that messages
  /// that are no samples keep nothing for it.
  void sample(const Connection& connection, const mqtt::Publish& packet);
  /// Tells traces of the publisher and of the topic.
  void trace(const Connection& connection, const mqtt::Publish& packet, std::string_view topic);
  void note(const Connection& connection, const mqtt::Publish& packet, std::string_view topic);
  /// success, or why this publish goes nowhere although the connection goes on.
  [[nodiscard]] mqtt::Reason admit(const Connection& connection, const mqtt::Publish& packet,
                                   std::string_view topic) {
    // Nearly every message needs no more than these three tests.
    const std::uint32_t most = options_.limits.message_size_limit_bytes;
    const bool fits = most == 0 || packet.payload.size() <= most;
    if (fits && !connection.session->permissions && !topic.starts_with('$')) {
      return mqtt::Reason::success;
    }
    return judge(connection, packet, topic, fits);
  }
  /// The rest of admit(). `fits`: into message_size_limit.
  [[nodiscard]] mqtt::Reason judge(const Connection& connection, const mqtt::Publish& packet,
                                   std::string_view topic, bool fits);
  /// The answer to a publish that would take memory; counts QoS 0, which has no answer.
  [[nodiscard]] mqtt::Reason refuse_for_memory(const mqtt::Publish& packet);
  /// The rest of retake() for QoS 2.
  Next take_exactly_once(Connection& connection, const mqtt::Publish& packet,
                         std::string_view topic, mqtt::Reason reason,
                         const Commits::Progress& before);
  Next accept_exactly_once(Connection& connection, const mqtt::Publish& packet, bool& duplicate);
  bool distribute(Connection& connection, const mqtt::Publish& packet, std::string_view topic);
  void acknowledge(Connection& connection, const mqtt::Publish& packet, SendRule when,
                   mqtt::Reason reason);

  const ShardOptions& options_;
  Ledger& ledger_;
  Holdings& holdings_;
  Forwards& forwards_;
  const Commits& commits_;
  Metrics& metrics_;
  Pressure& pressure_;
  const Turn& turn_;
  Distribution& distribution_;
  ClientLog& log_;
  Replies& replies_;
  Reading& reading_;
  Disconnects& disconnects_;
  std::string scratch_topic_;  // mount point and topic of the publish at hand
  mqtt::ByteBuffer scratch_properties_;
  TopMeter top_;
};

}  // namespace broker
