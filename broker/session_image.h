// broker/session_image.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/ids.h"
#include "broker/core/in_flight.h"
#include "broker/core/message.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A session as a value: all that its client and its subscriptions rely on, so that another shard,
/// of whatever process, can go on with it and the client notices nothing.
///
/// Shape      The session itself, its deliveries by number, and, if its client is connected, the
///            part of the connection that a shard knows. session_wire.h writes it as bytes;
///            SessionTransfer takes it from a shard, and gives it to one.
/// Invariant  Deliveries stand in the order of their numbers: `window`, then `backlog`, all below
///            `next_number`. A packet identifier follows from a number, so numbers stay.
/// Lifetime   Owns its bytes. No pointer into a shard, and no name that holds in one shard only,
///            but for two:
///              listener        A listener of the sender's configuration.
///              Message keys    Are not there: to a store the session is new.
/// Threads    None; a value may cross to another thread.
struct SessionImage {
  struct Subscription {
    std::string share_name;  // empty: not shared
    std::string filter;      // mount point in front
    std::uint32_t subscription_identifier = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
  };

  struct Delivery {
    std::uint64_t number = 0;
    std::optional<SharedMessage> message;  // absent after PUBREC
    std::vector<std::uint32_t> subscription_identifiers;
    std::string share_name;  // of the shared subscription it came by; empty: none
    std::string share_filter;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
  };
  /// A delivery with a packet identifier, and how far its handshake is.
  struct InFlightDelivery {
    Delivery delivery;
    InFlight::State state = InFlight::State::unsent;
    bool sent_before = false;
  };

  struct Will {
    SharedMessage message;
    std::uint32_t delay_interval_seconds = 0;
    std::optional<std::uint32_t> message_expiry_interval_seconds;
    std::optional<Instant> due;  // while its delay runs
  };

  /// The connection of the client, which moves together with its session.
  struct Connected {
    std::string address;
    std::string tls_user_name;
    std::uint16_t port = 0;  // of the client
    std::uint16_t keep_alive_seconds = 0;
    std::uint16_t receive_maximum = 0;  // this and the next two: of the client
    std::uint16_t topic_alias_maximum = 0;
    std::uint32_t maximum_packet_size_bytes = 0;  // 0: no limit
    bool request_problem_information = true;
    Promises promises;
    std::vector<std::string> incoming_aliases;  // by alias - 1; empty: not set
    std::vector<std::string> outgoing_aliases;  // the same
    std::string unread;                         // bytes of the client that no handler has seen
  };

  std::string client_id;
  std::string user_name;
  std::string mount_point;
  std::uint16_t listener = 0;
  mqtt::Version version = mqtt::Version::v5_0;
  bool from_bridge = false;
  std::uint32_t expiry_interval_seconds = 0;
  std::optional<Instant> expires;  // the client is away, and the session ends then
  std::string last_address;        // of a client that is away, if something asks for it
  std::optional<Will> will;
  std::vector<Subscription> subscriptions;
  std::vector<InFlightDelivery> window;
  std::vector<Delivery> backlog;
  std::uint64_t next_number = 0;
  std::vector<Delivery> unsent;              // QoS 0 that waits for the socket
  std::vector<mqtt::PacketId> incoming_ids;  // of QoS 2: received, and not released
  std::optional<Connected> connected;
};

}  // namespace broker
