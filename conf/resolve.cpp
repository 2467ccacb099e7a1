#include "conf/resolve.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "conf/diagnostic.h"

namespace conf {
namespace {

constexpr std::uint16_t default_port = 1883;

bool flag_of(const Entry* entry) { return entry != nullptr && std::get<bool>(entry->value); }

class Resolver {
 public:
  Resolver(const Source& source, const std::vector<std::uint16_t>& ports)
      : source_(source), ports_(ports) {}

  Configuration configuration() &&;

 private:
  void globals();
  void listeners();
  void bridge(const BridgeSource& from);
  void loopback_listeners();
  void default_listener();
  void listener(const ListenerSource& from);
  void make_http(const ListenerSource& from, Listener& listener);
  void apply_form_defaults(Settings& settings, Listener& listener) const;
  void apply(const std::vector<Entry>& entries, Listener& listener, WrittenOptions& written);
  void add(Listener listener, WrittenOptions written);
  void remark(Severity severity, const Place& place, std::string text);
  void remark_threads();
  void remark_per_listener();
  void remark_not_inherited(const ListenerSource& from, const Listener& listener);
  void remark_defaults_of_all();
  void remark_without_websockets(const std::vector<Entry>& entries, const Listener& listener);
  [[nodiscard]] Listener inherited() const;
  [[nodiscard]] bool per_listener() const {
    return flag_of(find_entry(source_.globals, "per_listener_settings"));
  }
  [[nodiscard]] bool has_default_listener() const {
    return find_entry(source_.default_listener, "port") != nullptr ||
           find_entry(source_.default_listener, "bind_address") != nullptr;
  }

  const Source& source_;
  const std::vector<std::uint16_t>& ports_;
  Settings settings_;
  Written written_;
};

/// Lists add up within a listener, but its own replace those that it inherits.
void replace_lists(const std::vector<Entry>& entries, Listener& listener) {
  if (find_entry(entries, "websockets_origin") != nullptr) listener.websockets_origins.clear();
  if (find_entry(entries, "trusted_proxies") != nullptr) listener.trusted_proxies.clear();
  if (find_entry(entries, "certfile") != nullptr) {
    listener.tls.certfiles.clear();
    listener.tls.keyfiles.clear();
    listener.tls.ocsp_files.clear();
  }
}

Configuration Resolver::configuration() && {
  settings_.remarks = source_.diagnostics;
  globals();
  listeners();
  for (const BridgeSource& each : source_.bridges) bridge(each);
  remark_threads();
  remark_per_listener();
  return {std::move(settings_), std::move(written_)};
}

/// Of options that are repeated, the first one written replaces the default.
void Resolver::globals() {
  if (find_entry(source_.globals, "log_dest") != nullptr) settings_.log.destinations.clear();
  if (find_entry(source_.globals, "log_type") != nullptr) settings_.log.types = 0;
  if (find_entry(source_.globals, "limits_exempt") != nullptr) settings_.limits_exempt.clear();
  Listener nobody;
  apply_form_defaults(settings_, nobody);
  apply(source_.globals, nobody, written_.globals);
}

/// A form's defaults are not written options: a reload does not report them.
void Resolver::apply_form_defaults(Settings& settings, Listener& listener) const {
  for (const Entry& each : source_.form_defaults) {
    if (each.option->apply != nullptr) each.option->apply(settings, listener, each.value);
  }
}

void Resolver::apply(const std::vector<Entry>& entries, Listener& listener,
                     WrittenOptions& written) {
  for (const Entry& entry : entries) {
    const Option& option = *entry.option;
    std::vector<Value>& values = written[&option];
    if (!option.repeated) values.clear();
    values.push_back(entry.value);
    const bool overruled = option.name == "allow_anonymous" || option.name == "auto_id_prefix";
    const std::string own = "listener_" + std::string(option.name);
    if (overruled && find_entry(entries, own) != nullptr) continue;
    if (option.apply != nullptr) option.apply(settings_, listener, entry.value);
  }
}

void Resolver::add(Listener listener, WrittenOptions written) {
  settings_.listeners.push_back(std::move(listener));
  written_.listeners.push_back(std::move(written));
}

/// A listener before its own options are read.
Listener Resolver::inherited() const {
  Listener listener;
  listener.slow_consumer = settings_.slow_consumer;
  Settings ignored;
  apply_form_defaults(ignored, listener);
  for (const Entry& entry : source_.globals) {
    if (entry.option->scope != Scope::security) continue;
    if (entry.option->apply != nullptr) entry.option->apply(ignored, listener, entry.value);
  }
  return listener;
}

void Resolver::listeners() {
  for (const ListenerSource& each : source_.listeners) listener(each);
  const bool for_clients = std::ranges::any_of(source_.listeners, [](const ListenerSource& each) {
    return each.kind == ListenerKind::mqtt;
  });
  if (!for_clients && !has_default_listener()) return loopback_listeners();
  if (has_default_listener()) return default_listener();
  remark_defaults_of_all();
}

/// Nobody said where to listen: this machine only, and anonymous clients unless that was denied.
void Resolver::loopback_listeners() {
  const std::vector<std::uint16_t> ports =
      ports_.empty() ? std::vector<std::uint16_t>{default_port} : ports_;
  for (const std::uint16_t port : ports) {
    Listener listener = inherited();
    if (find_entry(source_.globals, "allow_anonymous") == nullptr) {
      listener.security.allow_anonymous = true;
    }
    listener.port = port;
    listener.loopback_only = true;
    WrittenOptions written;
    apply(source_.default_listener, listener, written);
    remark_without_websockets(source_.default_listener, listener);
    add(std::move(listener), std::move(written));
  }
}

void Resolver::default_listener() {
  Listener listener = inherited();
  WrittenOptions written;
  apply(source_.default_listener, listener, written);
  remark_without_websockets(source_.default_listener, listener);
  add(std::move(listener), std::move(written));
}

void Resolver::listener(const ListenerSource& from) {
  Listener listener = inherited();
  const bool open = listener.security.allow_anonymous;
  if (per_listener()) listener.security.allow_anonymous = false;
  WrittenOptions written;
  if (!has_default_listener()) apply(source_.default_listener, listener, written);
  replace_lists(from.entries, listener);
  apply(from.entries, listener, written);
  if (!listener.unix_socket_path.empty()) listener.port = 0;
  if (from.kind == ListenerKind::http) {
    make_http(from, listener);
  } else if (open && per_listener()) {
    remark_not_inherited(from, listener);
  }
  remark_without_websockets(from.entries, listener);
  add(std::move(listener), std::move(written));
}

/// Without an address only this machine can connect: figures tell much about clients.
void Resolver::make_http(const ListenerSource& from, Listener& listener) {
  if (const Entry* protocol = find_entry(from.entries, "protocol"); protocol != nullptr) {
    remark(Severity::warning, protocol->place,
           "'protocol' has no effect below 'http_listener', which speaks HTTP");
  }
  listener.protocol = Protocol::http;
  if (find_entry(from.entries, "bind_address") == nullptr) listener.address.clear();
  const std::string& where = listener.address;
  listener.loopback_only = listener.unix_socket_path.empty() && where.empty();
  const bool outside =
      !where.empty() && !where.starts_with("127.") && where != "::1" && where != "localhost";
  if (!outside || listener.tls.require_certificate) return;
  if (!settings_.admin_file.empty()) return;  // then there is a login
  remark(Severity::notice, from.place,
         "'http_listener' on " + where +
             " has no login: everybody who reaches that address reads the broker's figures");
}

void Resolver::bridge(const BridgeSource& from) {
  settings_.bridges.emplace_back();
  Listener nobody;
  WrittenOptions written;
  apply(from.entries, nobody, written);
  BridgeSettings& bridge = settings_.bridges.back();
  if (find_entry(from.entries, "local_cleansession") == nullptr) {
    bridge.local_cleansession = bridge.cleansession;
  }
  written_.bridges.push_back(std::move(written));
}

void Resolver::remark(Severity severity, const Place& place, std::string text) {
  settings_.remarks.push_back(
      {.severity = severity, .file = place.file, .line = place.line, .text = std::move(text)});
}

void Resolver::remark_threads() {
  if (settings_.threads <= threads_max) return;
  remark(Severity::notice, find_entry(source_.globals, "threads")->place,
         "'threads " + std::to_string(settings_.threads) + "' is taken as " +
             std::to_string(threads_max) + ": there are no more event loops than that");
}

void Resolver::remark_per_listener() {
  const Entry* setting = find_entry(source_.globals, "per_listener_settings");
  if (!flag_of(setting)) return;
  std::set<std::string_view> names;
  for (const Entry& each : source_.globals) {
    if (each.option->scope == Scope::security) names.insert(each.option->name);
  }
  std::string text =
      "'per_listener_settings true' is taken to mean that each listener has its own "
      "security options";
  if (!names.empty()) {
    std::string list;
    for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + quoted(name);
    text += ", and that what stands before the first listener (" + list +
            ") holds for every listener that does not set its own; no listener is opened for it";
  }
  remark(Severity::notice, setting->place, text);
}

void Resolver::remark_not_inherited(const ListenerSource& from, const Listener& listener) {
  const bool own = find_entry(from.entries, "allow_anonymous") != nullptr ||
                   find_entry(from.entries, "listener_allow_anonymous") != nullptr;
  if (own) return;
  const std::string where =
      listener.port == 0 ? listener.unix_socket_path : std::to_string(listener.port);
  remark(Severity::warning, from.place,
         "Listener " + where +
             " asks for a username: with 'per_listener_settings true', "
             "'allow_anonymous true' must stand under the listener");
}

void Resolver::remark_defaults_of_all() {
  if (source_.default_listener.empty()) return;
  const Entry& first = source_.default_listener.front();
  remark(Severity::notice, first.place,
         quoted(first.option->name) +
             " stands before the first listener: it holds for every listener that does not set its "
             "own, and no default listener is opened for it");
}

void Resolver::remark_without_websockets(const std::vector<Entry>& entries,
                                         const Listener& listener) {
  if (listener.protocol == Protocol::websockets) return;
  for (const Entry& each : entries) {
    const std::string_view name = each.option->name;
    const bool of_websockets =
        name.starts_with("websockets_") || name.starts_with("http_") || name == "real_ip_header";
    const bool of_http = name == "http_dir" || name == "real_ip_header";
    const bool http =
        listener.protocol == Protocol::http || listener.protocol == Protocol::http_api;
    if (!of_websockets || (http && of_http)) continue;
    remark(Severity::warning, each.place,
           quoted(name) + " has no effect on a listener without 'protocol websockets'");
  }
}

}  // namespace

Configuration resolve_configuration(const Source& source, const std::vector<std::uint16_t>& ports) {
  return Resolver(source, ports).configuration();
}

Settings resolve(const Source& source, const std::vector<std::uint16_t>& ports) {
  return resolve_configuration(source, ports).settings;
}

}  // namespace conf
