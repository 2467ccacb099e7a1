// broker/replies.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/client_log.h"
#include "broker/core/connection.h"
#include "broker/core/holdings.h"
#include "broker/core/metrics.h"
#include "broker/wire/bytes.h"
#include "broker/wire/connack.h"
#include "broker/wire/reason.h"

namespace broker {

/// Packets that answer a client: all that a shard sends but for PUBLISH and PUBREL, which are
/// PublishWriter's.
///
/// Invariant  An answer that waits for the disk (Holdings) keeps its place. Answers that a client
///            does not read are counted, so that it is not read for ever; see Reading.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Replies final {
 public:
  Replies(Holdings& holdings, Metrics& metrics, ClientLog& log)
      : holdings_(holdings), metrics_(metrics), log_(log) {}

  /// Sends the packet that `encode(ByteBuffer&)` writes. `goes_first`: nothing that is published
  /// may come before it.
  template <typename Encode>
  void send(Connection& connection, SendRule when, Encode&& encode, bool goes_first = false);
  /// DISCONNECT, where the version has it and CONNACK has left.
  ///
  /// Requires  The connection was accepted [MQTT-3.14.0-1].
  void send_disconnect(Connection& connection, mqtt::Reason reason, std::string_view why);

  /// Whether a reason string of that text may be sent: Request Problem Information [MQTT-3.1.2-29],
  /// Maximum Packet Size.
  [[nodiscard]] static bool may_send_reason_string(const Connection& connection,
                                                   std::string_view why);
  /// Whether the client takes a packet of that size [MQTT-3.1.2-24].
  [[nodiscard]] static bool may_be_sent(const Connection& connection, const mqtt::Connack& answer);

 private:
  Holdings& holdings_;
  Metrics& metrics_;
  ClientLog& log_;
};

template <typename Encode>
void Replies::send(Connection& connection, SendRule when, Encode&& encode, bool goes_first) {
  const std::size_t size_bytes =
      holdings_.say(connection, when, goes_first, [&](mqtt::ByteBuffer& bytes) {
        const std::size_t before = bytes.size();
        encode(bytes);
        if (log_.debug()) log_.note_sent(connection, bytes.view().subspan(before));
      });
  metrics_.bytes_sent += size_bytes;
  ++metrics_.messages_sent;
  connection.unread_reply_bytes += static_cast<std::uint32_t>(size_bytes);
}

}  // namespace broker
