#include "broker/server/translate.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string_view>
#include <system_error>

#include "broker/interest.h"

namespace server {
namespace {

/// Cores that this process may run on: fewer than there are where it is pinned to some.
std::uint32_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return static_cast<std::uint32_t>(CPU_COUNT(&cores));
}

}  // namespace

broker::Limits limits_of(const conf::Settings& settings) {
  broker::Limits limits;
  limits.max_packet_size_bytes = settings.max_packet_size_bytes;
  limits.message_size_limit_bytes = settings.message_size_limit_bytes;
  limits.max_connect_packet_bytes = settings.packet_max_connect_bytes;
  limits.max_subscriptions = settings.max_subscriptions;
  limits.max_inflight_messages = settings.max_inflight_messages;
  limits.receive_maximum = settings.receive_maximum;
  limits.max_inflight_bytes = settings.max_inflight_bytes;
  limits.max_queued_messages = settings.max_queued_messages;
  limits.max_queued_bytes = settings.max_queued_bytes;
  limits.max_queued_qos0_bytes = settings.max_queued_qos0_bytes;
  limits.max_keepalive_seconds = settings.max_keepalive_seconds;
  limits.connect_timeout_seconds = settings.handshake_timeout_seconds;
  limits.max_keepalive_cap = settings.max_keepalive_cap;
  limits.global_max_clients = settings.global_max_clients;
  if (settings.persistent_client_expiration_seconds > 0) {
    limits.persistent_client_expiration_seconds =
        static_cast<std::int64_t>(settings.persistent_client_expiration_seconds);
  }
  limits.sys_interval_seconds = settings.sys_interval_seconds;
  limits.queue_qos0_messages = settings.queue_qos0_messages;
  limits.retain_available = settings.retain_available;
  limits.check_retain_source = settings.check_retain_source;
  limits.acl_refuse_subscribe = settings.acl_refuse_subscribe;
  limits.mosquitto_answers = settings.mosquitto_answers;
  limits.text_rule = settings.allow_control_characters ? mqtt::TextRule::any
                                                       : mqtt::TextRule::no_control_characters;
  limits.upgrade_outgoing_qos = settings.upgrade_outgoing_qos;
  limits.allow_duplicate_messages = settings.allow_duplicate_messages;
  limits.connection_messages = settings.log.connection_messages;
  if (!settings.clientid_prefixes.empty()) {
    limits.clientid_prefixes.push_back(settings.clientid_prefixes);
  }
  return limits;
}

broker::ListenerPolicy policy_of(const conf::Listener& listener) {
  broker::ListenerPolicy policy;
  policy.slow_consumer = static_cast<broker::SlowConsumer>(listener.slow_consumer);
  policy.port = listener.port;
  policy.mount_point = listener.mount_point;
  policy.max_qos = static_cast<mqtt::Qos>(listener.max_qos);
  policy.publish_rate = {.messages_per_second = listener.max_publish_rate,
                         .bytes_per_second = listener.max_publish_bytes_rate,
                         .policy = listener.publish_rate_disconnects
                                       ? broker::PublishRatePolicy::disconnect
                                       : broker::PublishRatePolicy::delay};
  policy.max_topic_alias = listener.max_topic_alias;
  policy.max_topic_alias_broker = listener.max_topic_alias_broker;
  policy.accept_v3_1 = listener.accept_protocol_versions.v3;
  policy.accept_v3_1_1 = listener.accept_protocol_versions.v4;
  policy.accept_v5_0 = listener.accept_protocol_versions.v5;
  policy.use_username_as_clientid = listener.use_username_as_clientid;
  const conf::Security& security = listener.security;
  policy.allow_zero_length_clientid = security.allow_zero_length_clientid;
  policy.auto_id_prefix = security.auto_id_prefix;
  policy.user_name_from_tls =
      listener.tls.use_identity_as_username || listener.tls.use_subject_as_username;
  const bool asks_nobody = security.allow_anonymous && security.password_file.empty();
  policy.open_to_all = (asks_nobody || policy.user_name_from_tls) && security.acl_file.empty();
  return policy;
}

// Mosquitto asks no access list about its bridges either: their `topic` lines name the topics that
// may cross.
broker::ListenerPolicy bridge_policy() {
  broker::ListenerPolicy policy;
  policy.open_to_all = true;
  policy.is_for_bridges = true;
  // Nothing is saved by a table of topics between two parts of one process.
  policy.max_topic_alias = 0;
  policy.max_topic_alias_broker = 0;
  return policy;
}

namespace {

// The enumerations of a configuration are converted to those of the parts by a cast.
template <typename One, typename Other>
constexpr bool are_same_number(One one, Other other) noexcept {
  return static_cast<int>(one) == static_cast<int>(other);
}
static_assert(are_same_number(conf::SlowConsumer::drop_newest, broker::SlowConsumer::drop_newest));
static_assert(are_same_number(conf::SlowConsumer::drop_oldest, broker::SlowConsumer::drop_oldest));
static_assert(are_same_number(conf::SlowConsumer::latest_per_topic,
                              broker::SlowConsumer::latest_per_topic));
static_assert(are_same_number(conf::SlowConsumer::disconnect, broker::SlowConsumer::disconnect));
static_assert(are_same_number(conf::RealIpHeader::any, transport::RealIpHeader::any));
static_assert(are_same_number(conf::RealIpHeader::x_forwarded_for,
                              transport::RealIpHeader::x_forwarded_for));
static_assert(are_same_number(conf::RealIpHeader::x_real_ip, transport::RealIpHeader::x_real_ip));
static_assert(are_same_number(conf::RealIpHeader::forwarded, transport::RealIpHeader::forwarded));
static_assert(are_same_number(conf::SocketDomain::any, transport::SocketDomain::any));
static_assert(are_same_number(conf::SocketDomain::ipv4, transport::SocketDomain::ipv4));
static_assert(are_same_number(conf::SocketDomain::ipv6, transport::SocketDomain::ipv6));
static_assert(are_same_number(transport::ProxyVersion::v1, 1));
static_assert(are_same_number(transport::ProxyVersion::v2, 2));
static_assert(are_same_number(mqtt::Qos::exactly_once, 2));

/// Requires  Texts that the table of options has checked.
transport::Networks networks_of(const std::vector<std::string>& texts) {
  transport::Networks networks;
  for (const std::string& each : texts) {
    if (each == "none") continue;
    [[maybe_unused]] const bool added = networks.add(each);
    assert(added);
  }
  return networks;
}

/// Sets the options about the proxies in front of a listener.
void set_proxies(const conf::Listener& listener, transport::ListenerOptions& options) {
  static const std::vector<std::string> this_machine = {"127.0.0.0/8", "::1", "unix"};
  options.proxy_protocol = static_cast<transport::ProxyVersion>(listener.proxy_protocol);
  options.proxy_requires_tls = listener.proxy_protocol_requires_tls;
  const bool tells_of_tls =
      options.proxy_protocol == transport::ProxyVersion::v2 && !listener.tls.is_on();
  options.proxy_requires_certificate = tells_of_tls && listener.tls.require_certificate;
  options.proxy_names_user = tells_of_tls && listener.tls.use_identity_as_username;
  const bool named = !listener.trusted_proxies.empty();
  options.trusted_proxies = networks_of(named ? listener.trusted_proxies : this_machine);
  options.only_trusted_proxies = named && options.proxy_protocol != transport::ProxyVersion::none;
  options.real_ip_header = static_cast<transport::RealIpHeader>(listener.real_ip_header);
}

}  // namespace

transport::Protocol protocol_of(const conf::Listener& listener) noexcept {
  switch (listener.protocol) {
    case conf::Protocol::mqtt:
      return transport::Protocol::mqtt;
    case conf::Protocol::websockets:
      return transport::Protocol::websockets;
    case conf::Protocol::http:
    case conf::Protocol::http_api:
      break;
  }
  return transport::Protocol::http;
}

transport::ListenerOptions listener_options_of(const conf::Settings& settings,
                                               std::uint16_t index) {
  assert(index < settings.listeners.size());
  const conf::Listener& listener = settings.listeners[index];
  transport::ListenerOptions options;
  options.index = index;
  options.port = listener.port;
  options.address = listener.address;
  options.loopback_only = listener.loopback_only;
  options.unix_socket_path = listener.unix_socket_path;
  options.unix_socket_mode = listener.unix_socket_mode;
  options.unix_socket_owner = listener.unix_socket_owner;
  options.bind_interface = listener.bind_interface;
  options.socket_domain = static_cast<transport::SocketDomain>(listener.socket_domain);
  options.protocol = protocol_of(listener);
  options.tls = listener.tls.is_on();
  options.max_connections = listener.max_connections;
  options.admission = {.connections_per_address_max = listener.max_connections_per_address,
                       .rate = listener.max_connection_rate,
                       .burst = listener.max_connection_burst,
                       .rate_per_address = listener.max_connection_rate_per_address,
                       .burst_per_address = listener.max_connection_burst_per_address};
  options.http_path = listener.http_path;
  options.websockets_origins = listener.websockets_origins;
  options.origin_required = settings.websockets_origin_required;
  options.proxy_must_name_client = !settings.proxy_protocol_unknown_client;
  options.websockets_headers_bytes_max = settings.websockets_headers_size_bytes;
  options.websockets_ping_interval_seconds = listener.websockets_ping_interval_seconds;
  options.http_dir = listener.http_dir;
  set_proxies(listener, options);
  return options;
}

transport::TlsOptions tls_options_of(const conf::Settings& settings,
                                     const conf::Listener& listener) {
  const conf::TlsSettings& tls = listener.tls;
  transport::TlsOptions options;
  for (std::size_t i = 0; i < tls.certfiles.size(); ++i) {
    options.certificates.push_back({tls.certfiles[i], tls.keyfiles[i]});
  }
  options.ocsp_files = tls.ocsp_files;
  options.ca_file = tls.cafile;
  options.ca_path = tls.capath;
  options.crl_file = tls.crlfile;
  if (!tls.psk_hint.empty()) options.psk_file = listener.security.psk_file;
  options.psk_hint = tls.psk_hint;
  options.ciphers = tls.ciphers;
  options.ciphers_tls1_3 = tls.ciphers_tls1_3;
  options.keylog_file = settings.tls_keylog_file;
  if (tls.use_identity_as_username) {
    options.user_name = transport::TlsUserName::identity;
  } else if (tls.use_subject_as_username) {
    options.user_name = transport::TlsUserName::subject;
  }
  options.require_certificate = tls.require_certificate;
  options.disable_client_cert_date_checks = tls.disable_client_cert_date_checks;
  options.tls1_3_only = tls.tls1_3_only;
  options.session_tickets = tls.session_tickets;
  options.refuse_open_secrets = settings.refuse_open_secrets;
  return options;
}

transport::LoopOptions loop_options_of(const conf::Settings& settings,
                                       std::uint64_t open_files_max) {
  transport::LoopOptions options;
  options.open_files_max = open_files_max;
  options.global_max_connections = settings.global_max_connections;
  options.connection_messages = settings.log.connection_messages;
  options.refuse_silently = settings.mosquitto_answers;
  options.handshake_timeout_seconds = settings.handshake_timeout_seconds;
  options.logins = {.failures_max = settings.max_login_failures,
                    .time_seconds = settings.login_failures_time_seconds,
                    .ban_seconds = settings.login_ban_time_seconds};
  options.address_prefix_ipv6_bits = settings.address_prefix_ipv6_bits;
  options.login_bytes_per_address_max = settings.max_login_bytes_per_address;
  options.limits_exempt = networks_of(settings.limits_exempt);
  return options;
}

auth::RealmOptions realm_options_of(const conf::Settings& settings,
                                    const conf::Listener& listener) {
  if (listener.protocol == conf::Protocol::http) {
    return {.password_file = settings.admin_file,
            .acl_file = {},
            .allow_anonymous = false,
            .refuse_open_secrets = settings.refuse_open_secrets,
            .has_roles = true};
  }
  return {listener.security.password_file, listener.security.acl_file,
          listener.security.allow_anonymous, settings.refuse_open_secrets};
}

namespace {

/// Whether `path` is free, or has a store. Any other file there is Mosquitto's, and stays.
bool may_be_store(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found) {
    return true;
  }
  constexpr std::string_view sqlite("SQLite format 3\0", 16);
  std::string head(sqlite.size(), ' ');
  std::ifstream(path, std::ios::binary)
      .read(head.data(), static_cast<std::streamsize>(head.size()));
  return head == sqlite;
}

}  // namespace

StorePaths store_paths_of(const conf::Settings& settings) {
  if (!settings.persistence) return {};
  const std::filesystem::path folder(settings.persistence_location);
  const std::filesystem::path named = folder / settings.persistence_file;
  if (settings.persistence_file == "mosquitto.db") return {folder / "darter.db", named};
  const std::filesystem::path beside = named.string() + ".darter";
  std::error_code error;
  if (std::filesystem::exists(beside, error) || !may_be_store(named)) return {beside, named};
  return {named, ""};
}

broker::Durability durability_of(const conf::Settings& settings) {
  if (!settings.persistence) return broker::Durability::none;
  return settings.persistence_relaxed ? broker::Durability::relaxed : broker::Durability::commit;
}

std::uint32_t thread_count(const conf::Settings& settings) {
  static_assert(conf::threads_max == broker::Interest::shards_max);
  const std::uint32_t wanted = settings.threads != 0 ? settings.threads : usable_cores();
  return std::clamp<std::uint32_t>(wanted, 1, broker::Interest::shards_max);
}

std::size_t open_files_needed(const conf::Settings& settings) {
  constexpr std::size_t of_process = 12;  // libuv's and libsystemd's own, and the control socket
  constexpr std::size_t of_loop = 3;      // for its epoll, and for waking it
  constexpr std::size_t of_store = 6;     // database, log, memory, lock, and room for an import
  constexpr std::size_t of_listener = 2;  // a socket for each family of addresses
  constexpr std::size_t of_bridge = 4;    // sockets that race, one that ends, one that tries
  return of_process + of_loop * thread_count(settings) + (settings.persistence ? of_store : 0) +
         of_listener * settings.listeners.size() + of_bridge * settings.bridges.size() +
         settings.log.destinations.size();
}

}  // namespace server
