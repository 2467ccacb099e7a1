#include "conf/bridge_checks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "broker/wire/topic.h"
#include "conf/bridge_values.h"
#include "conf/diagnostic.h"

namespace conf {
namespace {

/// The options of one bridge.
class BridgeCheck {
 public:
  BridgeCheck(const BridgeSource& bridge, Diagnostics& found) : bridge_(bridge), found_(found) {}

  void run();

 private:
  [[nodiscard]] const Entry* find(std::string_view name) const {
    return find_entry(bridge_.entries, name);
  }
  [[nodiscard]] bool is_on(std::string_view name) const;
  [[nodiscard]] std::string text_of(std::string_view name) const;
  [[nodiscard]] bool has_tls() const;
  void say(Severity severity, const Place& place, std::string text);
  void say(Severity severity, const Entry& entry, std::string text) {
    say(severity, entry.place, std::move(text));
  }
  void needs(std::string_view name);
  void pair(std::string_view name, std::string_view other);
  void psk();
  void certificates();
  void tls_version();
  void topics();
  void passwords();
  void versions();
  void short_times();
  void too_short(std::string_view name, std::int64_t least, std::string_view unit);

  const BridgeSource& bridge_;
  Diagnostics& found_;
};

bool BridgeCheck::is_on(std::string_view name) const {
  const Entry* const entry = find(name);
  return entry != nullptr && std::get<bool>(entry->value);
}

std::string BridgeCheck::text_of(std::string_view name) const {
  const Entry* const entry = find(name);
  return entry == nullptr ? "" : std::get<std::string>(entry->value);
}

bool BridgeCheck::has_tls() const {
  const auto addresses = parse_bridge_addresses(text_of("address"));
  const bool of_url =
      addresses && std::ranges::any_of(*addresses, [](const auto& each) {
        return each.scheme == BridgeScheme::mqtts || each.scheme == BridgeScheme::wss;
      });
  return of_url || find("bridge_cafile") != nullptr || find("bridge_capath") != nullptr ||
         find("bridge_psk") != nullptr || is_on("bridge_tls_use_os_certs");
}

void BridgeCheck::say(Severity severity, const Place& place, std::string text) {
  found_.push_back(
      {.severity = severity, .file = place.file, .line = place.line, .text = std::move(text)});
}

void BridgeCheck::run() {
  needs("address");
  needs("topic");
  pair("bridge_psk", "bridge_identity");
  pair("bridge_identity", "bridge_psk");
  pair("bridge_certfile", "bridge_keyfile");
  pair("bridge_keyfile", "bridge_certfile");
  psk();
  certificates();
  tls_version();
  topics();
  passwords();
  versions();
  short_times();
}

void BridgeCheck::needs(std::string_view name) {
  if (find(name) != nullptr) return;
  say(Severity::error, bridge_.place,
      "Bridge " + quoted(text_of("name")) + " has no " + quoted(name));
}

void BridgeCheck::pair(std::string_view name, std::string_view other) {
  if (find(name) == nullptr || find(other) != nullptr) return;
  say(Severity::error, *find(name), quoted(name) + " needs " + quoted(other));
}

void BridgeCheck::psk() {
  const Entry* const key = find("bridge_psk");
  if (key == nullptr) return;
  const std::string hex = text_of("bridge_psk");
  if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdefABCDEF") != hex.npos) {
    say(Severity::error, *key, "'bridge_psk' is no key in hex, two digits for each byte");
  }
  for (const std::string_view name :
       {"bridge_cafile", "bridge_capath", "bridge_certfile", "bridge_keyfile"}) {
    if (find(name) == nullptr) continue;
    say(Severity::error, *find(name),
        quoted(name) + " and 'bridge_psk' exclude each other: a bridge has one kind of TLS");
  }
}

/// Mosquitto speaks without TLS then, whatever these promise.
void BridgeCheck::certificates() {
  constexpr std::array<std::string_view, 8> of_tls = {
      "bridge_certfile", "bridge_alpn",         "bridge_ciphers",     "bridge_ciphers_tls1.3",
      "bridge_insecure", "bridge_require_ocsp", "bridge_tls_version", "bridge_keyfile"};
  for (const std::string_view name : of_tls) {
    const Entry* const entry = find(name);
    if (entry == nullptr || has_tls()) continue;
    if (std::holds_alternative<bool>(entry->value) && !std::get<bool>(entry->value)) continue;
    say(Severity::error, *entry,
        quoted(name) +
            " stands at a bridge without TLS; 'bridge_cafile', 'bridge_capath' or "
            "'bridge_tls_use_os_certs true' turns it on, as an address mqtts:// or wss:// does");
  }
  if (has_tls() && is_on("bridge_insecure")) {
    say(Severity::warning, *find("bridge_insecure"),
        "Bridge " + quoted(text_of("name")) +
            " does not check the name in the certificate of the remote broker: another one can "
            "take its place");
  }
}

void BridgeCheck::tls_version() {
  const std::string name = text_of("bridge_tls_version");
  if (name != "tlsv1" && name != "tlsv1.1") return;
  say(Severity::notice, *find("bridge_tls_version"),
      "'bridge_tls_version " + name + "' is taken as tlsv1.2: older versions are broken");
}

void BridgeCheck::topics() {
  const Entry* const topic = find("notification_topic");
  if (topic == nullptr || mqtt::TopicName::parse(std::get<std::string>(topic->value))) return;
  say(Severity::error, *topic, "'notification_topic' is no topic name");
}

void BridgeCheck::passwords() {
  for (const auto& [password, user] : {std::pair("remote_password", "remote_username"),
                                       std::pair("local_password", "local_username")}) {
    if (find(password) == nullptr || find(user) != nullptr) continue;
    say(Severity::warning, *find(password),
        quoted(password) + " has no effect without " + quoted(user));
  }
}

void BridgeCheck::versions() {
  if (text_of("bridge_protocol_version") == "mqttv50") return;
  for (const std::string_view name :
       {"bridge_max_topic_alias", "bridge_receive_maximum", "bridge_session_expiry_interval"}) {
    if (find(name) == nullptr) continue;
    say(Severity::warning, *find(name),
        quoted(name) + " has no effect without 'bridge_protocol_version mqttv50'");
  }
}

void BridgeCheck::short_times() {
  too_short("keepalive_interval", bridge_keepalive_min, "seconds");
  too_short("idle_timeout", 1, "second");
  too_short("threshold", 1, "message");
  const Entry* const restart = find("restart_timeout");
  if (restart == nullptr) return;
  const auto numbers = parse_numbers(std::get<std::string>(restart->value));
  if (numbers.front() < 1) {
    say(Severity::notice, *restart, "'restart_timeout' is too low: it is taken as 1 second");
  }
  if (numbers.size() > 1 && numbers[1] < numbers[0]) {
    say(Severity::error, *restart, "'restart_timeout' has a cap below its base");
  }
}

void BridgeCheck::too_short(std::string_view name, std::int64_t least, std::string_view unit) {
  const Entry* const entry = find(name);
  if (entry == nullptr || std::get<std::int64_t>(entry->value) >= least) return;
  say(Severity::notice, *entry,
      quoted(name) + " is too low: it is taken as " + std::to_string(least) + " " +
          std::string(unit));
}

/// A text that two bridges may not share: the entry that it follows from, and its kind.
struct Unique {
  const Entry* entry = nullptr;  // null: another bridge cannot have it
  std::string text{};
};

Unique name_of(const BridgeSource& bridge) {
  const Entry* const entry = find_entry(bridge.entries, "name");
  return {entry, entry == nullptr ? "" : std::get<std::string>(entry->value)};
}

/// By default it follows from the client id at the remote broker; and that one from the name.
Unique local_client_id_of(const BridgeSource& bridge) {
  if (const Entry* const own = find_entry(bridge.entries, "local_clientid")) {
    return {own, std::get<std::string>(own->value)};
  }
  const Entry* const remote = find_entry(bridge.entries, "remote_clientid");
  return {remote, remote == nullptr ? "" : "local." + std::get<std::string>(remote->value)};
}

void check_unique(const Source& source, Unique (*unique_of)(const BridgeSource&),
                  std::string_view noun, Diagnostics& found) {
  for (std::size_t i = 0; i < source.bridges.size(); ++i) {
    const Unique own = unique_of(source.bridges[i]);
    for (std::size_t j = 0; own.entry != nullptr && j < i; ++j) {
      const Unique other = unique_of(source.bridges[j]);
      if (other.entry == nullptr || other.text != own.text) continue;
      found.push_back({.severity = Severity::error,
                       .file = own.entry->place.file,
                       .line = own.entry->place.line,
                       .text = "Another bridge has the " + std::string(noun) + " " +
                               quoted(own.text) + " already"});
      break;
    }
  }
}

}  // namespace

Diagnostics check_bridges(const Source& source) {
  Diagnostics found;
  for (const BridgeSource& each : source.bridges) BridgeCheck(each, found).run();
  check_unique(source, name_of, "name", found);
  check_unique(source, local_client_id_of, "'local_clientid'", found);
  return found;
}

}  // namespace conf
