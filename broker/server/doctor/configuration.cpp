#include "broker/server/doctor/configuration.h"

#include <charconv>

#include "broker/server/doctor/finding.h"
#include "conf/convert.h"

namespace doctor {
namespace {

const std::vector<conf::Entry>* entries_of(const conf::Source& source, std::size_t listener) {
  return listener < source.listeners.size() ? &source.listeners[listener].entries : nullptr;
}

}  // namespace

std::string Configuration::where(std::string_view option) const {
  const conf::Entry* entry = conf::find_entry(source.globals, option);
  if (entry == nullptr) entry = conf::find_entry(source.default_listener, option);
  return entry != nullptr ? where_of(entry->place) : file;
}

std::string Configuration::where(std::size_t listener, std::string_view option) const {
  const std::vector<conf::Entry>* const own = entries_of(source, listener);
  for (const auto* entries : {own, &source.default_listener, &source.globals}) {
    if (entries == nullptr) continue;
    const conf::Entry* const entry = conf::find_entry(*entries, option);
    if (entry != nullptr) return where_of(entry->place);
  }
  return where(listener);
}

std::string Configuration::where(std::size_t listener) const {
  if (listener < source.listeners.size()) return where_of(source.listeners[listener].place);
  for (const std::string_view name : {"port", "bind_address"}) {
    const conf::Entry* const entry = conf::find_entry(source.default_listener, name);
    if (entry != nullptr) return where_of(entry->place);
  }
  return file;
}

std::string Configuration::line(std::string_view option, std::string_view value) const {
  if (!is_toml) return std::string(option) + " " + std::string(value);
  double number = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = code == std::errc() && end == value.data() + value.size();
  const bool bare = is_number || value == "true" || value == "false";
  return conf::toml_key(option) + " = " + (bare ? std::string(value) : conf::toml_string(value));
}

std::string name_of(const conf::Listener& listener) {
  if (!listener.unix_socket_path.empty()) return "Listener " + listener.unix_socket_path;
  std::string name = "Listener " + std::to_string(listener.port);
  if (!listener.address.empty()) name += " on " + listener.address;
  return name;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address == "[::1]" ||
         address == "localhost" || address == "ip6-localhost" || address == "ip6-loopback";
}

std::vector<std::string_view> counted_by_address(const conf::Settings& settings,
                                                 const conf::Listener& listener) {
  std::vector<std::string_view> options;
  if (listener.max_connections_per_address != 0) options.push_back("max_connections_per_address");
  if (listener.max_connection_rate_per_address != 0) {
    options.push_back("max_connection_rate_per_address");
  }
  if (settings.max_login_failures != 0) options.push_back("max_login_failures");
  return options;
}

bool is_open_to_the_world(const conf::Listener& listener) {
  return listener.unix_socket_path.empty() && !listener.loopback_only &&
         !is_loopback(listener.address) && listener.bind_interface != "lo";
}

bool asks_everybody(const conf::Listener& listener) {
  const conf::TlsSettings& tls = listener.tls;
  if (tls.is_on() && (tls.require_certificate || !tls.psk_hint.empty())) return true;
  return !listener.security.allow_anonymous;
}

}  // namespace doctor
