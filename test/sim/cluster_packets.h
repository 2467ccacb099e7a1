#pragma once

#include <cstdint>
#include <string>

#include "test/sim/cluster_jetstream.h"

namespace sim {

/// What a client and a node say to each other.
struct Packet {
  enum class Type : std::uint8_t {
    connect,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    disconnect,
  };
  Type type = Type::connect;
  unsigned id = 0;     // packet identifier
  unsigned qos = 0;    // of PUBLISH and SUBSCRIBE
  std::string filter;  // of SUBSCRIBE and UNSUBSCRIBE
  Copy message;        // of PUBLISH
  // Of PUBREL, for the oracle alone: the node does not know which message it releases.
  bool is_in_doubt = false;
};

/// One network connection of a client to one run of a node.
struct ConnectionName {
  std::uint64_t number = 0;
  auto operator<=>(const ConnectionName&) const = default;
};

}  // namespace sim
