#include "conf/proxy_checks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace conf {
namespace {

/// The options of one listener, with those that it inherits.
class ProxyCheck {
 public:
  ProxyCheck(const std::vector<Entry>& own, const std::vector<Entry>& inherited, Diagnostics& found)
      : own_(own), inherited_(inherited), found_(found) {}

  void run();

 private:
  [[nodiscard]] const Entry* find(std::string_view name) const;
  [[nodiscard]] bool is_open_to_others() const;
  void say(Severity severity, const Entry& entry, std::string text);

  const std::vector<Entry>& own_;
  const std::vector<Entry>& inherited_;
  Diagnostics& found_;
};

const Entry* ProxyCheck::find(std::string_view name) const {
  const Entry* const own = find_entry(own_, name);
  return own != nullptr ? own : find_entry(inherited_, name);
}

/// Whether clients of other machines can connect.
bool ProxyCheck::is_open_to_others() const {
  if (find("unix_socket_path") != nullptr) return false;
  const Entry* const address = find("bind_address");
  if (address == nullptr) return find("port") != nullptr;
  const auto& text = std::get<std::string>(address->value);
  return !text.starts_with("127.") && text != "::1" && text != "localhost";
}

void ProxyCheck::say(Severity severity, const Entry& entry, std::string text) {
  found_.push_back({.severity = severity,
                    .file = entry.place.file,
                    .line = entry.place.line,
                    .text = std::move(text)});
}

void ProxyCheck::run() {
  const Entry* const version = find("enable_proxy_protocol");
  const Entry* const tls = find("proxy_protocol_v2_require_tls");
  const bool second = version != nullptr && std::get<std::int64_t>(version->value) == 2;
  if (tls != nullptr && std::get<bool>(tls->value) && !second) {
    say(Severity::error, *tls,
        "'proxy_protocol_v2_require_tls' needs 'enable_proxy_protocol 2': only that header can say "
        "that a client used TLS");
  }
  if (version != nullptr && find("trusted_proxies") == nullptr && is_open_to_others()) {
    say(Severity::warning, *version,
        "'enable_proxy_protocol' believes whoever connects to this port; 'trusted_proxies' says "
        "who may");
  }
  for (const std::string_view name : {"unix_socket_mode", "unix_socket_owner"}) {
    const Entry* const entry = find_entry(own_, name);
    if (entry == nullptr || find("unix_socket_path") != nullptr) continue;
    say(Severity::warning, *entry,
        "'" + std::string(name) + "' has no effect on a listener without a unix socket");
  }
}

}  // namespace

Diagnostics check_proxies(const Source& source) {
  static const std::vector<Entry> none;
  Diagnostics found;
  const std::vector<Entry>& defaults = source.default_listener;
  const bool has_default = source.listeners.empty() || find_entry(defaults, "port") != nullptr ||
                           find_entry(defaults, "bind_address") != nullptr;
  if (has_default) ProxyCheck(defaults, none, found).run();
  for (const ListenerSource& each : source.listeners) {
    ProxyCheck(each.entries, has_default ? none : defaults, found).run();
  }
  // A fault that several listeners inherit is reported once.
  const auto end = std::ranges::unique(found).begin();
  found.erase(end, found.end());
  return found;
}

}  // namespace conf
