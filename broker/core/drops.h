// broker/core/drops.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace broker {

/// Why a message did not reach a client that had subscribed to it.
enum class DropReason : std::uint8_t {
  queue_full,       ///< max_queued_messages or max_queued_bytes is reached
  slow_socket,      ///< QoS 0, and the socket is further behind than that
  superseded,       ///< a newer message of its topic came: slow_consumer_policy latest_per_topic
  expired,          ///< its Message Expiry Interval
  too_large,        ///< for the client's Maximum Packet Size
  memory_limit,     ///< it would have had to wait, and memory_limit is near
  connection_lost,  ///< QoS 0 that waited for a socket which is gone
  mailbox_full,     ///< QoS 0 on its way to another loop
};
inline constexpr std::size_t drop_reasons = 8;

/// As topics below $SYS and log lines say it.
inline constexpr std::array<std::string_view, drop_reasons> drop_reason_names = {
    "queue_full", "slow_socket",  "superseded",      "expired",
    "too_large",  "memory_limit", "connection_lost", "mailbox_full"};

/// Messages by DropReason.
using Drops = std::array<std::uint64_t, drop_reasons>;

/// The messages that one client lost, by reason.
struct DropCounts {
  Drops ever{};
  Drops since{};        // the last log line
  bool listed = false;  // a log line is due
};

}  // namespace broker
