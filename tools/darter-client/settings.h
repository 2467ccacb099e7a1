#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/protocol.h"
#include "broker/wire/subscribe.h"
#include "tools/darter-client/format.h"
#include "tools/darter-client/property.h"

/// The tools darter-pub, darter-sub and darter-rr: MQTT clients for a shell.
namespace shell {

/// Bits, so that an option can say which of the tools have it.
enum class Tool : std::uint8_t { pub = 1, sub = 2, rr = 4 };

[[nodiscard]] constexpr std::string_view name_of(Tool tool) {
  return tool == Tool::pub ? "darter-pub" : tool == Tool::sub ? "darter-sub" : "darter-rr";
}

/// Where the payload of a message comes from.
enum class Source : std::uint8_t { none, argument, lines, standard_input, file, empty };

/// How MQTT travels.
enum class Carrier : std::uint8_t { plain, websockets };

/// Where the broker is, and how it is reached.
struct Reach {
  std::string host = "localhost";
  bool uses_srv = false;              // -S: the host is a domain
  std::optional<std::uint16_t> port;  // nothing: as the carrier has it
  std::string unix_path;              // not empty: instead of host and port
  std::string bind_address;
  bool no_delay = false;
  Carrier carrier = Carrier::plain;
  std::string ws_path = "/mqtt";
  std::vector<std::string> ws_headers;  // "Name: value"
  std::string proxy;                    // a URL
};

/// Security of the connection, and the proofs that the broker has to show.
struct Security {
  bool off = false;       // --no-tls
  bool os_store = false;  // --tls-use-os-certs
  std::string ca_file{};
  std::string ca_path{};
  std::string certificate{};
  std::string key{};
  std::string key_form{};
  std::string ciphers{};
  std::string version{};
  std::string alpn{};
  std::string engine{};
  std::string engine_password{};
  std::string psk{};
  std::string psk_identity{};
  std::string keylog_file{};
  bool insecure = false;
};

struct WillSettings {
  std::optional<std::string> topic;
  std::optional<std::string> payload;
  std::uint8_t qos = 0;
  bool retain = false;
};

/// The options of a command line and of the file of options, understood.
///
/// Invariant  After read_command_line() each fits with the others.
struct Settings {
  explicit Settings(Tool of) : tool(of) {}

  Tool tool;
  bool debug = false;
  bool quiet = false;

  // The connection.
  Reach reach;
  Security security;
  std::optional<mqtt::Version> version;  // nothing: 5.0, and 3.1.1 if the broker has no 5.0
  std::optional<std::string> client_id;
  std::optional<std::string> client_id_prefix;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::uint16_t keep_alive_seconds = 60;
  bool clean = true;
  std::optional<std::uint32_t> session_expiry_seconds;  // 0xFFFFFFFF: never
  WillSettings will;
  Properties properties;
  std::uint16_t inflight_max = 20;

  // Messages that are sent.
  std::uint8_t qos = 0;  // of subscriptions, too
  bool retain = false;
  Source source = Source::none;
  std::string message;  // the payload, or the name of its file
  std::optional<std::string> topic;
  std::optional<std::string> response_topic;
  int repeat_count = 1;
  std::int64_t repeat_delay_milliseconds = 0;

  // Subscriptions.
  std::vector<std::string> topics;
  std::vector<std::string> filter_outs;
  std::vector<std::string> unsubscribe_topics;
  bool retain_as_published = false;
  mqtt::RetainHandling retain_handling = mqtt::RetainHandling::send;
  bool exit_after_subscribe = false;
  bool skip_retained = false;
  bool retained_only = false;
  bool remove_retained = false;
  int message_count = 0;         // 0: without end
  unsigned timeout_seconds = 0;  // 0: never

  // Output.
  PlainStyle style;
  std::optional<Format> format;
  bool pretty = false;
  int random_filter = 10'000;  // of so many messages in ten thousand
  bool fixed_lines = false;    // -w
  bool watch = false;          // --watch
  bool message_rate = false;
  bool latency = false;
};

}  // namespace shell
