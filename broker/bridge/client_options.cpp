#include "broker/bridge/client_options.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>

namespace bridge {

using mqtt::Qos;

namespace {

/// A shard with nearly all 65,535 identifiers in flight looks for a free one past all others, for
/// each message: where the other broker acknowledged late, that took all time there is, and its
/// acknowledgements were read no more.
constexpr std::uint16_t window_max = 16'384;

constexpr std::uint32_t never_expires = 0xFFFF'FFFF;
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
/// Below it the shard is given one message more.
constexpr std::size_t local_output_bytes_max = 1'048'576;

std::optional<client::WillOptions> will_of(const Options& options, bool here) {
  const Notifications least = here ? Notifications::local : Notifications::both;
  if (options.notifications < least) return std::nullopt;
  return client::WillOptions{.topic = options.notification_topic,
                             .payload = "0",
                             .qos = Qos::at_least_once,
                             .retain = here ? options.local_retains : options.retains};
}

}  // namespace

client::Options remote_options(const Options& options) {
  client::Options remote;
  remote.version = options.version;
  remote.client_id = options.remote_client_id;
  remote.clean_start = options.remote_clean;
  remote.session_expiry_interval_seconds = options.remote_session_expiry_interval_seconds;
  remote.keep_alive_seconds = options.keep_alive_seconds;
  remote.user_name = options.remote_user_name;
  if (remote.user_name) remote.password = options.remote_password;
  remote.will = will_of(options, false);
  remote.bridge = options.says_bridge;
  remote.receive_maximum = options.receive_maximum;
  remote.tolerates_excess = true;
  remote.topic_alias_in_max = options.topic_alias_max;
  remote.acknowledge = client::Acknowledge::by_caller;
  remote.handshakes = client::Handshakes::relayed;
  // The windows and limits are those of the session.
  remote.inflight_max = 65'535;
  remote.inflight_bytes_max = remote.output_bytes_max = unlimited;
  remote.requests_max = unlimited;
  remote.reconnect = options.restart;
  remote.reconnect.enabled = options.start == Start::automatic;
  remote.seed = options.seed;
  return remote;
}

client::Options local_options(const Options& options, std::uint16_t receive_maximum) {
  client::Options local;
  local.version = mqtt::Version::v5_0;
  local.client_id = options.local_client_id;
  local.clean_start = options.local_clean;
  local.session_expiry_interval_seconds = options.local_clean ? 0 : never_expires;
  local.keep_alive_seconds = 0;
  local.user_name = options.local_user_name;
  if (local.user_name) local.password = options.local_password;
  local.will = will_of(options, true);
  local.receive_maximum = std::min(receive_maximum, window_max);
  local.acknowledge = client::Acknowledge::by_caller;
  local.handshakes = client::Handshakes::relayed;
  local.inflight_max = 65'535;
  local.inflight_bytes_max = unlimited;
  local.output_bytes_max = local_output_bytes_max;
  local.requests_max = unlimited;
  return local;
}

}  // namespace bridge
