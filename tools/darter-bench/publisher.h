#pragma once

#include <cstdint>
#include <string>

#include "tools/darter-bench/connection.h"
#include "tools/darter-bench/packet_ids.h"
#include "tools/darter-bench/packets.h"
#include "tools/darter-bench/reactor.h"

namespace bench {

/// A client that publishes to one topic, numbering its messages from 0.
class Publisher {
 public:
  Publisher(std::uint32_t index, const std::string& topic, const Options& options);

  [[nodiscard]] Connection& connection() noexcept { return connection_; }

  /// Sends the next message. Returns false, and sends nothing, if no packet identifier is free.
  [[nodiscard]] bool publish(Reactor& reactor, Nanoseconds stamp);
  /// PUBACK, PUBREC or PUBCOMP came. Returns false if no message waits for it.
  [[nodiscard]] bool answered(Reactor& reactor, const mqtt::Frame& frame);

  [[nodiscard]] std::uint32_t sent() const noexcept { return sent_; }
  /// The number of messages without their last acknowledgement.
  [[nodiscard]] std::size_t unacknowledged() const noexcept { return ids_.in_use(); }

 private:
  Connection connection_;
  PublishTemplate message_;
  PacketIds ids_;
  mqtt::Qos qos_;
  std::uint32_t index_;
  std::uint32_t sent_ = 0;
};

}  // namespace bench
