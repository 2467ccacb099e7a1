#include "conf/tls_checks.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>

#include "conf/diagnostic.h"

namespace conf {
namespace {

/// The options of one listener, with those that it inherits.
class TlsCheck {
 public:
  TlsCheck(const std::vector<Entry>& own, const std::vector<Entry>& inherited,
           const std::vector<Entry>& globals, Diagnostics& found)
      : own_(own), inherited_(inherited), globals_(globals), found_(found) {}

  void run();

 private:
  [[nodiscard]] const Entry* find(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] bool is_on(std::string_view name) const;
  [[nodiscard]] bool has_authorities() const {
    return find("cafile") != nullptr || find("capath") != nullptr;
  }
  [[nodiscard]] bool is_proxied() const { return find("enable_proxy_protocol") != nullptr; }
  [[nodiscard]] bool proxy_tells(std::string_view name) const;
  void say(Severity severity, const Entry& entry, std::string text);
  void without_tls();
  void pairs();
  void psk();
  void certificates();
  void names();
  void version();

  const std::vector<Entry>& own_;
  const std::vector<Entry>& inherited_;
  const std::vector<Entry>& globals_;
  Diagnostics& found_;
};

const Entry* TlsCheck::find(std::string_view name) const {
  const Entry* const own = find_entry(own_, name);
  return own != nullptr ? own : find_entry(inherited_, name);
}

/// A list of the listener's own replaces an inherited one; certfile takes its companions along.
std::size_t TlsCheck::count(std::string_view name) const {
  const auto in = [&](const std::vector<Entry>& entries) {
    return static_cast<std::size_t>(std::ranges::count_if(
        entries, [&](const Entry& each) { return each.option->name == name; }));
  };
  return find_entry(own_, "certfile") != nullptr ? in(own_) : in(own_) + in(inherited_);
}

bool TlsCheck::is_on(std::string_view name) const {
  const Entry* const entry = find(name);
  return entry != nullptr && std::get<bool>(entry->value);
}

void TlsCheck::say(Severity severity, const Entry& entry, std::string text) {
  found_.push_back({.severity = severity,
                    .file = entry.place.file,
                    .line = entry.place.line,
                    .text = std::move(text)});
}

void TlsCheck::run() {
  version();
  pairs();
  if (count("certfile") + count("keyfile") == 0 && find("psk_hint") == nullptr) {
    return without_tls();
  }
  names();
  if (find("psk_hint") != nullptr) {
    psk();
  } else {
    certificates();
  }
}

/// Whether a PROXY protocol header answers for the option, where TLS ends in the proxy.
bool TlsCheck::proxy_tells(std::string_view name) const {
  const Entry* const version = find("enable_proxy_protocol");
  if (version == nullptr || std::get<std::int64_t>(version->value) != 2) return false;
  return name == "require_certificate" || name == "use_identity_as_username";
}

/// Mosquitto opens a plain listener then, whatever its options promise.
void TlsCheck::without_tls() {
  constexpr std::array<std::string_view, 8> promises = {"cafile",
                                                        "capath",
                                                        "crlfile",
                                                        "ocsp_file",
                                                        "require_certificate",
                                                        "use_identity_as_username",
                                                        "use_subject_as_username",
                                                        "disable_client_cert_date_checks"};
  for (const std::string_view name : promises) {
    const Entry* const entry = find(name);
    if (entry == nullptr) continue;
    if (std::holds_alternative<bool>(entry->value) && !std::get<bool>(entry->value)) continue;
    if (proxy_tells(name)) continue;
    if (is_proxied() && name == "use_subject_as_username") {
      say(Severity::error, *entry,
          "'use_subject_as_username' does not go with 'enable_proxy_protocol': its header has no "
          "subject, only the common name; see 'use_identity_as_username'");
      continue;
    }
    say(Severity::error, *entry,
        quoted(name) + " stands at a listener without TLS; 'certfile' and 'keyfile' turn it on");
  }
  for (const std::string_view name : {"ciphers", "ciphers_tls1.3", "tls_version"}) {
    const Entry* const entry = find(name);
    if (entry == nullptr) continue;
    say(Severity::warning, *entry,
        quoted(name) +
            " has no effect on a listener without TLS; 'certfile' and 'keyfile' turn it "
            "on");
  }
}

void TlsCheck::pairs() {
  const std::size_t certificates = count("certfile");
  const std::size_t keys = count("keyfile");
  if (certificates == keys) return;
  const bool lacks_key = certificates > keys;
  const Entry* const entry = find(lacks_key ? "certfile" : "keyfile");
  say(Severity::error, *entry,
      lacks_key ? "'certfile' has no 'keyfile'; each needs its own, in the same order"
                : "'keyfile' has no 'certfile'; each needs its own, in the same order");
}

void TlsCheck::psk() {
  const Entry& hint = *find("psk_hint");
  if (count("certfile") > 0) {
    say(Severity::error, hint,
        "'psk_hint' and 'certfile' exclude each other; open one listener for each");
  }
  if (find("psk_file") == nullptr && find_entry(globals_, "psk_file") == nullptr) {
    say(Severity::error, hint, "'psk_hint' needs a 'psk_file' with the keys");
  }
  for (const std::string_view name : {"require_certificate", "use_subject_as_username"}) {
    if (!is_on(name)) continue;
    say(Severity::error, *find(name),
        quoted(name) + " lets nobody in where 'psk_hint' is: clients have no certificates there");
  }
}

void TlsCheck::certificates() {
  for (const std::string_view name :
       {"require_certificate", "use_identity_as_username", "use_subject_as_username"}) {
    if (!is_on(name) || has_authorities()) continue;
    say(Severity::error, *find(name),
        quoted(name) + " needs 'cafile' or 'capath': whose certificates are good");
  }
  const bool checks = is_on("require_certificate") || is_on("use_identity_as_username") ||
                      is_on("use_subject_as_username");
  const Entry* const list = find("crlfile");
  if (list != nullptr && !checks) {
    say(Severity::warning, *list,
        "'crlfile' has no effect: no client is asked for a certificate without "
        "'require_certificate true'");
  }
}

void TlsCheck::names() {
  if (!is_on("use_identity_as_username") || !is_on("use_subject_as_username")) return;
  say(Severity::warning, *find("use_subject_as_username"),
      "'use_subject_as_username' has no effect beside 'use_identity_as_username'");
}

void TlsCheck::version() {
  const Entry* const version = find("tls_version");
  if (version != nullptr) {
    const auto& name = std::get<std::string>(version->value);
    if (name == "tlsv1" || name == "tlsv1.1") {
      say(Severity::notice, *version,
          "'tls_version " + name + "' is taken as tlsv1.2: older versions are broken");
    }
  }
  const Entry* const form = find("tls_keyform");
  if (form != nullptr && std::get<std::string>(form->value) == "engine") {
    say(Severity::error, *form,
        "'tls_keyform engine' is not supported: OpenSSL 3 gives engines up; use a key in a file, "
        "see keyfile");
  }
}

}  // namespace

Diagnostics check_tls(const Source& source) {
  static const std::vector<Entry> none;
  Diagnostics found;
  const std::vector<Entry>& defaults = source.default_listener;
  const bool has_default = source.listeners.empty() || find_entry(defaults, "port") != nullptr ||
                           find_entry(defaults, "bind_address") != nullptr;
  if (has_default) TlsCheck(defaults, none, source.globals, found).run();
  for (const ListenerSource& each : source.listeners) {
    TlsCheck(each.entries, has_default ? none : defaults, source.globals, found).run();
  }
  // A fault that several listeners inherit is reported once.
  const auto end = std::ranges::unique(found).begin();
  found.erase(end, found.end());
  return found;
}

}  // namespace conf
