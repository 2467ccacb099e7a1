#include "broker/server/translate_bridge.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "broker/bridge/topic_split.h"
#include "broker/core/text.h"
#include "broker/core/topic_share.h"
#include "transport/link/tls.h"

namespace server {
namespace {

using broker::concat;

constexpr std::uint32_t never_expires = 0xFFFF'FFFF;

// The enumerations of a configuration are converted to those of the bridge by a cast.
template <typename One, typename Other>
constexpr bool is_same_number(One one, Other other) noexcept {
  return static_cast<int>(one) == static_cast<int>(other);
}
static_assert(is_same_number(conf::BridgeDirection::out, bridge::Direction::out));
static_assert(is_same_number(conf::BridgeDirection::in, bridge::Direction::in));
static_assert(is_same_number(conf::BridgeDirection::both, bridge::Direction::both));
static_assert(is_same_number(conf::BridgeStart::automatic, bridge::Start::automatic));
static_assert(is_same_number(conf::BridgeStart::lazy, bridge::Start::lazy));
static_assert(is_same_number(conf::BridgeStart::once, bridge::Start::once));
static_assert(is_same_number(conf::BridgeProtocol::v3_1, mqtt::Version::v3_1));
static_assert(is_same_number(conf::BridgeProtocol::v3_1_1, mqtt::Version::v3_1_1));
static_assert(is_same_number(conf::BridgeProtocol::v5_0, mqtt::Version::v5_0));

std::optional<std::string> given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

/// In 5.0 a session ends with its connection unless it is given an interval. `cleansession false`
/// promises one that lasts, in every version; so 0, the default, then stands for "never".
std::uint32_t remote_expiry_of(const conf::BridgeSettings& settings) {
  const std::uint32_t seconds = settings.session_expiry_interval_seconds;
  return settings.cleansession || seconds != 0 ? seconds : never_expires;
}

bridge::Notifications notifications_of(const conf::BridgeSettings& settings) {
  if (!settings.notifications) return bridge::Notifications::none;
  return settings.notifications_local_only ? bridge::Notifications::local
                                           : bridge::Notifications::both;
}

std::string state_topic_of(std::string_view remote_client_id) {
  return concat({"$SYS/broker/connection/", remote_client_id, "/state"});
}

void set_ends(const conf::BridgeSettings& settings, const BridgePlace& place,
              bridge::Options& options) {
  options.version = static_cast<mqtt::Version>(settings.protocol);
  options.remote_client_id = remote_client_id_of(settings, place.host_name);
  options.remote_user_name = given(settings.remote_username);
  options.remote_password = given(settings.remote_password);
  options.remote_clean = settings.cleansession;
  options.remote_session_expiry_interval_seconds = remote_expiry_of(settings);
  options.keep_alive_seconds = settings.keepalive_interval_seconds;
  options.says_bridge = settings.try_private;
  options.unsubscribes_leftovers = settings.attempt_unsubscribe;
  options.retains = settings.outgoing_retain;
  options.packet_bytes_max = settings.max_packet_size_bytes;
  options.topic_alias_max = settings.max_topic_alias;
  if (place.receive_maximum != 0) options.receive_maximum = place.receive_maximum;
  if (settings.receive_maximum != 0) options.receive_maximum = settings.receive_maximum;
  options.local_client_id = local_client_id_of(settings, place.host_name);
  options.local_user_name = given(settings.local_username);
  options.local_password = given(settings.local_password);
  options.local_clean = settings.local_cleansession;
  options.local_retains = place.retain_available;
}

transport::LinkTlsOptions tls_options_of(const conf::BridgeTls& tls) {
  transport::LinkTlsOptions options;
  options.ca_file = tls.cafile;
  options.ca_path = tls.capath;
  options.system_authorities = tls.use_os_certs;
  options.certificate_file = tls.certfile;
  options.key_file = tls.keyfile;
  options.psk_identity = tls.identity;
  options.psk_key = tls.psk;
  if (!tls.alpn.empty()) options.alpn.push_back(tls.alpn);
  options.ciphers = tls.ciphers;
  options.ciphers_tls1_3 = tls.ciphers_tls1_3;
  options.tls1_3_only = tls.tls1_3_only;
  options.check_host_name = !tls.insecure;
  options.require_ocsp = tls.require_ocsp;
  return options;
}

transport::LinkScheme scheme_of(const conf::BridgeSettings& settings,
                                const conf::BridgeAddress& address) {
  using enum conf::BridgeScheme;
  switch (address.scheme) {
    case unnamed:
      break;
    case mqtt:
      return transport::LinkScheme::mqtt;
    case mqtts:
      return transport::LinkScheme::mqtts;
    case ws:
      return transport::LinkScheme::ws;
    case wss:
      return transport::LinkScheme::wss;
    case unix_socket:
      return transport::LinkScheme::unix_socket;
  }
  if (settings.tls.is_on()) {
    return settings.websockets ? transport::LinkScheme::wss : transport::LinkScheme::mqtts;
  }
  return settings.websockets ? transport::LinkScheme::ws : transport::LinkScheme::mqtt;
}

transport::LinkOptions link_of(const conf::BridgeSettings& settings,
                               const conf::BridgeAddress& address) {
  transport::LinkOptions link;
  link.address.scheme = scheme_of(settings, address);
  link.address.host = address.host;
  link.address.port = address.port;
  link.address.path = address.path;
  link.websocket.path = settings.path;
  // [MQTT-6.0.0-3]; 3.1 has the name of its own time.
  if (settings.protocol == conf::BridgeProtocol::v3_1) link.websocket.subprotocol = "mqttv3.1";
  link.socket.bind_address = settings.bind_address;
  link.socket.keepalive_idle_seconds = settings.tcp_keepalive.idle_seconds;
  link.socket.keepalive_interval_seconds = settings.tcp_keepalive.interval_seconds;
  link.socket.keepalive_probes = settings.tcp_keepalive.probes;
  link.socket.user_timeout_milliseconds = settings.tcp_user_timeout_milliseconds;
  return link;
}

/// The topics of one connection of several.
class ShareOfConnection final : public broker::TopicShare {
 public:
  ShareOfConnection(std::shared_ptr<const bridge::TopicSplit> split, std::size_t connection)
      : split_(std::move(split)), connection_(connection) {}

  [[nodiscard]] bool takes(std::string_view topic) const override {
    return split_->connection_of(topic) == connection_;
  }

 private:
  std::shared_ptr<const bridge::TopicSplit> split_;
  std::size_t connection_;
};

/// The plans of all connections out of the plan of a bridge with one.
std::vector<transport::BridgePlan> share_out(const transport::BridgePlan& plan,
                                             const conf::BridgeSettings& settings) {
  std::vector<transport::BridgePlan> plans(settings.connections, plan);
  if (plans.size() == 1) return plans;
  const auto split =
      std::make_shared<const bridge::TopicSplit>(plan.options.mappings, plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    bridge::Options& options = plans[i].options;
    bridge::TopicSplit::Part part = split->part(i);
    options.mappings = std::move(part.mappings);
    options.local_leftovers = std::move(part.local_leftovers);
    // Some services end a connection that unsubscribes from topics which are not theirs.
    if (options.unsubscribes_leftovers) options.remote_leftovers = std::move(part.remote_leftovers);
    plans[i].share = std::make_shared<const ShareOfConnection>(split, i);
    options.seed += i;
    if (i == 0) continue;
    const std::string suffix = "." + std::to_string(i + 1);
    options.name += suffix;
    options.remote_client_id += suffix;
    options.local_client_id += suffix;
    options.notification_topic = settings.notification_topic.empty()
                                     ? state_topic_of(options.remote_client_id)
                                     : options.notification_topic + suffix;
  }
  return plans;
}

}  // namespace

std::string remote_client_id_of(const conf::BridgeSettings& settings, std::string_view host_name) {
  if (!settings.remote_clientid.empty()) return settings.remote_clientid;
  return concat({host_name, ".", settings.name});
}

std::string local_client_id_of(const conf::BridgeSettings& settings, std::string_view host_name) {
  if (!settings.local_clientid.empty()) return settings.local_clientid;
  return concat({"local.", remote_client_id_of(settings, host_name)});
}

std::expected<std::vector<transport::BridgePlan>, std::string> bridge_plans_of(
    const conf::BridgeSettings& settings, const BridgePlace& place) {
  transport::BridgePlan plan;
  bridge::Options& options = plan.options;
  options.name = settings.name;
  for (const conf::BridgeTopic& topic : settings.topics) {
    options.mappings.push_back({.pattern = topic.pattern,
                                .direction = static_cast<bridge::Direction>(topic.direction),
                                .qos = static_cast<mqtt::Qos>(topic.qos),
                                .local_prefix = topic.local_prefix,
                                .remote_prefix = topic.remote_prefix});
  }
  set_ends(settings, place, options);
  options.notifications = notifications_of(settings);
  options.notification_topic = settings.notification_topic;
  if (options.notification_topic.empty()) {
    options.notification_topic = state_topic_of(options.remote_client_id);
  }
  options.start = static_cast<bridge::Start>(settings.start_type);
  options.idle_milliseconds = std::int64_t{settings.idle_timeout_seconds} * 1000;
  options.restart = {.first_milliseconds = std::int64_t{settings.restart.base_seconds} * 1000,
                     .longest_milliseconds = std::int64_t{settings.restart.cap_seconds} * 1000};
  options.round_robin = settings.round_robin;
  options.seed = place.seed;

  for (const conf::BridgeAddress& address : settings.addresses) {
    const bool is_unix = address.scheme == conf::BridgeScheme::unix_socket;
    options.addresses.push_back(is_unix ? bridge::Address{"unix:" + address.path, 0}
                                        : bridge::Address{address.host, address.port});
    plan.links.push_back(link_of(settings, address));
  }
  const bool wants_tls =
      std::ranges::any_of(plan.links, [](const auto& each) { return each.address.has_tls(); });
  std::shared_ptr<const transport::LinkTls> tls;
  if (wants_tls) {
    auto loaded = transport::LinkTls::load(tls_options_of(settings.tls));
    if (!loaded) {
      return std::unexpected(concat({"Bridge ", settings.name, ": ", loaded.error(), "."}));
    }
    tls = std::move(*loaded);
  }
  for (transport::LinkOptions& link : plan.links) link.tls = tls;
  plan.listener = place.listener;
  plan.threshold = settings.threshold;
  plan.replaces_at_once = settings.reload_immediately;
  return share_out(plan, settings);
}

}  // namespace server
