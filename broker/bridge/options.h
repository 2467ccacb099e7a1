#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/bridge/topic_map.h"
#include "broker/client/options.h"
#include "broker/wire/protocol.h"

namespace bridge {

/// When a bridge connects.
enum class Start : std::uint8_t {
  automatic,  ///< at start, and again after each loss
  lazy,       ///< when messages wait for it, until none have crossed for a while
  once,       ///< at start alone
};

/// Where a bridge says whether it is connected.
enum class Notifications : std::uint8_t { none, local, both };

struct Address {
  std::string host;
  std::uint16_t port = 1883;  // 0: the host says it all
};

/// The options of one bridge.
struct Options {
  std::string name;                // for log lines
  std::vector<Address> addresses;  // not empty
  std::vector<Mapping> mappings;

  // As a client of the other broker.
  mqtt::Version version = mqtt::Version::v3_1_1;
  std::string remote_client_id;
  std::optional<std::string> remote_user_name;
  std::optional<std::string> remote_password;
  bool remote_clean = false;
  std::uint32_t remote_session_expiry_interval_seconds = 0;  // of 5.0
  std::uint16_t keep_alive_seconds = 60;
  bool says_bridge = true;             // try_private
  bool unsubscribes_leftovers = true;  // bridge_attempt_unsubscribe
  bool retains = true;                 // bridge_outgoing_retain
  std::uint32_t packet_bytes_max = 0;  // to the other broker; 0: no limit but its own
  std::uint16_t topic_alias_max = 0;
  std::uint16_t receive_maximum = 65'535;

  // As a client of this broker.
  std::string local_client_id;
  std::optional<std::string> local_user_name;
  std::optional<std::string> local_password;
  bool local_clean = false;
  bool local_retains = true;  // retain_available

  // Filters of an earlier configuration, that the sessions may still subscribe to.
  std::vector<std::string> local_leftovers;
  std::vector<std::string> remote_leftovers;

  Notifications notifications = Notifications::both;
  std::string notification_topic;  // a topic name

  Start start = Start::automatic;
  std::int64_t idle_milliseconds = 60'000;  // of a lazy one
  client::ReconnectOptions restart;         // `enabled` follows from `start`
  bool round_robin = false;
  std::int64_t first_address_milliseconds = 5'000;  // between attempts to reach it; Mosquitto's
  std::uint64_t seed = 0;                           // differs between bridges
};

}  // namespace bridge
