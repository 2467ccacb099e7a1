// broker/core/publish_writer.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/core/connection.h"
#include "broker/core/drop_log.h"
#include "broker/core/holdings.h"
#include "broker/core/log.h"
#include "broker/core/message.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/publication.h"
#include "broker/core/session.h"
#include "broker/wire/protocol.h"
#include "broker/wire/reason.h"

namespace broker {

/// Writes PUBLISH packets, and the acknowledgements of a sender, to the output of connections.
///
/// Shape      A message goes out in one of four ways:
///              copied   of its kind (version, QoS, RETAIN) a packet was encoded for another
///                       receiver already: the bytes are copied, the packet identifier is set
///              encoded  into the output, payload included
///              spliced  the header is encoded, a large payload is written from its own place
///              held     encoded into the output that the connection holds until the disk has the
///                       message
/// Invariant  The client's Maximum Packet Size holds [MQTT-3.1.2-25], and its Topic Alias Maximum
///            [MQTT-3.1.2-26] [MQTT-3.1.2-27]. An expired message is sent only if it was sent
///            before. A message that is not sent is counted as dropped.
/// Threads    None.
class PublishWriter {
 public:
  /// Payloads from here on are written from where they stand, not copied per receiver: to note a
  /// place costs about as much as to copy so many bytes.
  static constexpr std::size_t splice_bytes_min = 4096;

  enum class Written : std::uint8_t { sent, dropped };

  PublishWriter(Outbox& outbox, Holdings& holdings, Metrics& metrics, DropLog& drops, Log& log)
      : outbox_(outbox), holdings_(holdings), metrics_(metrics), drops_(drops), log_(log) {}

  /// How a PUBLISH is sent this time.
  struct Attempt {
    mqtt::PacketId id{0};  // 0: QoS 0 has none
    bool dup = false;      // the session was sent it before [MQTT-3.3.1-1]
    SendRule when = SendRule::after_held_publishes;
  };

  /// A message that is being handed out, to one of its receivers.
  Written write(Connection& connection, const Terms& terms, Attempt attempt,
                Publication& publication);
  /// A message that has waited, or is sent again.
  Written write_kept(Connection& connection, const MessageRef& message, const Terms& terms,
                     Attempt attempt, Instant now);
  /// PUBREL, which waits as the message did.
  void write_ack(Session& session, mqtt::PacketType type, mqtt::PacketId id, mqtt::Reason reason,
                 SendRule when);

  /// Whether debug lines are read, or there is a trace: asked once per turn.
  void set_watched(bool watched) noexcept { watched_ = watched; }
  [[nodiscard]] bool watched() const noexcept { return watched_; }

 private:
  struct Sending {
    const MessageView& message;
    const Terms& terms;
    Attempt attempt;
    Instant now;
    Publication* publication;  // or null:
    const MessageRef* kept;    // holds a payload that is spliced
  };
  Written drop(Connection& connection, DropReason reason);
  /// `kind`: of the receivers for which the packet is noted; Publication::kinds: of none.
  Written encode(Connection& connection, const Sending& sending, std::size_t kind);
  void write_copy(Connection& connection, const Publication::Encoded& first, mqtt::PacketId id,
                  Publication& publication);
  std::uint16_t alias_for(Connection& connection, std::string_view topic, bool& known);
  void count_sent(Connection& connection, mqtt::Qos qos, std::size_t packet_bytes,
                  std::size_t payload_bytes);
  void note_sent(const Session& session, const MessageView& message, const Terms& terms,
                 Attempt attempt) const;

  Outbox& outbox_;
  Holdings& holdings_;
  Metrics& metrics_;
  DropLog& drops_;
  Log& log_;
  bool watched_ = false;
};

}  // namespace broker
