// broker/client/saved_session.h
#pragma once

#include <string>
#include <vector>

#include "broker/client/event.h"
#include "broker/wire/protocol.h"

namespace client {

/// Session State of a client as a value (section 4.1): with it a client goes on after the process
/// ended, if the server has kept its half.
struct SavedSession {
  /// A publication with QoS 1 or 2 that is not finished.
  struct Outgoing {
    mqtt::PacketId packet_id{0};
    Token token{0};
    mqtt::Qos qos = mqtt::Qos::at_least_once;
    bool released = false;  // PUBREC has come: only the identifier matters, the rest is empty
    bool sent = true;       // false: no server has seen it yet, so it is sent without DUP
    bool retain = false;
    std::string topic{};
    std::string payload{};
    std::string properties{};
    std::optional<std::uint32_t> message_expiry_interval_seconds{};
  };
  std::vector<Outgoing> outgoing;  // in the order in which they are to be sent again
  /// QoS 2 messages that the caller has, and that the server has not released.
  std::vector<mqtt::PacketId> incoming;
};

}  // namespace client
