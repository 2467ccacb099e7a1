// broker/core/metrics.h
#pragma once

#include <cstdint>

#include "broker/core/client_kinds.h"
#include "broker/core/denial.h"
#include "broker/core/drops.h"
#include "broker/core/refusals.h"

namespace broker {

/// One shard's counts since start; the sum over shards is published under $SYS.
///
/// Units      Counts of packets, messages or bytes as the names say; never reset.
struct Metrics {
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t messages_received = 0;  // control packets of any type
  std::uint64_t messages_sent = 0;      // the same; but PUBLISH is added by Figures::snapshot()
  ByQos publish_received{};
  ByQos publish_sent{};
  std::uint64_t publish_dropped = 0;  // the sum of `dropped`
  Drops dropped{};                    // by DropReason
  ByQos publish_bytes_received{};     // payloads
  ByQos publish_bytes_sent{};
  std::uint64_t connections = 0;  // CONNECTs answered with success, and sockets opened
  std::uint64_t sockets_opened = 0;
  std::uint64_t clients_expired = 0;
  std::uint64_t logins_failed = 0;  // a wrong password, or a client without the right to connect
  Denials denied{};                 // by Denial
  Refusals refused{};               // by Refusal

  // As they are now, not since start.
  std::uint64_t clients_connected = 0;
  ClientsByTransport clients_by_transport{};
  ClientsByVersion clients_by_version{};
  std::uint64_t sessions = 0;
  std::uint64_t clients_maximum = 0;
  std::uint64_t clients_blocked = 0;  // see BlockedLog
  std::uint64_t subscriptions = 0;
  std::uint64_t shared_subscriptions = 0;
  std::uint64_t retained_messages = 0;  // replicas: the same on every shard
  std::uint64_t stored_messages = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t sockets_behind = 0;  // with output that the socket has not taken
  std::uint64_t unsent_bytes = 0;    // that output
};

}  // namespace broker
