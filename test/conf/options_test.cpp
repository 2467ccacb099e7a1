#include "conf/options.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "conf/convert.h"
#include "test/conf/configuration.h"

using conf::Availability;
using conf::find_option;
using conf::Form;
using conf::Option;
using conf::Scope;
using conf::Type;
using conf_test::errors_of;
using conf_test::is_in;

namespace {

/// Every name that Mosquitto 2.1 accepts.
constexpr std::string_view mosquitto_names =
    "acl_file allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_opt_x "
    "auth_plugin auth_plugin_deny_special_chars auto_id_prefix autosave_interval "
    "autosave_on_changes check_retain_source clientid_prefixes connection_messages "
    "enable_control_api global_max_clients global_max_connections global_plugin include_dir "
    "log_dest log_facility log_timestamp log_timestamp_format log_type max_inflight_bytes "
    "max_inflight_messages max_keepalive max_packet_size max_queued_bytes max_queued_messages "
    "memory_limit message_size_limit packet_buffer_size password_file per_listener_settings "
    "persistence persistence_file persistence_location persistent_client_expiration pid_file "
    "plugin plugin_load plugin_opt_x psk_file queue_qos0_messages retain_available "
    "retain_expiry_interval retained_persistence retry_interval set_tcp_nodelay sys_interval "
    "upgrade_outgoing_qos user websockets_headers_size websockets_log_level "
    "accept_protocol_versions bind_address bind_interface cafile capath certfile ciphers "
    "ciphers_tls1.3 crlfile dhparamfile disable_client_cert_date_checks enable_proxy_protocol "
    "http_dir keyfile listener listener_allow_anonymous listener_auto_id_prefix max_connections "
    "max_qos maximum_qos max_topic_alias max_topic_alias_broker mount_point plugin_use port "
    "protocol proxy_protocol_v2_require_tls psk_hint require_certificate socket_domain tls_engine "
    "tls_engine_kpass_sha1 tls_keyform tls_version use_identity_as_username "
    "use_subject_as_username use_username_as_clientid websockets_origin "
    "address addresses bridge_alpn bridge_attempt_unsubscribe bridge_bind_address bridge_cafile "
    "bridge_capath bridge_certfile bridge_ciphers bridge_ciphers_tls1.3 bridge_identity "
    "bridge_insecure bridge_keyfile bridge_max_packet_size bridge_max_topic_alias "
    "bridge_outgoing_retain bridge_protocol_version bridge_psk bridge_receive_maximum "
    "bridge_reload_type bridge_require_ocsp bridge_session_expiry_interval bridge_tcp_keepalive "
    "bridge_tcp_user_timeout bridge_tls_use_os_certs bridge_tls_version cleansession clientid "
    "connection idle_timeout keepalive_interval local_cleansession local_clientid local_password "
    "local_username notification_topic notifications notifications_local_only password "
    "remote_clientid remote_password remote_username restart_timeout round_robin start_type "
    "threshold topic try_private username";

std::string spelled(const Option& option) {
  std::string name(option.name);
  if (name.ends_with('*')) name.back() = 'x';
  return name;
}

std::string example(const Option& option) {
  const std::string text(conf::example_of(option));
  const bool one_word = option.type == Type::choice;
  return one_word ? text.substr(0, text.find(' ')) : text;
}

/// Options that one needs beside it, so that it makes sense.
std::string_view companions_of(const Option& option) {
  if (option.name == "certfile") return "keyfile";
  if (option.name == "keyfile") return "certfile";
  if (option.name == "psk_hint") return "psk_file";
  if (option.name.starts_with("use_") && option.name.ends_with("_as_username")) {
    return "certfile keyfile cafile";
  }
  if (option.name == "require_certificate") return "certfile keyfile cafile";
  if (option.name == "bridge_certfile") return "bridge_keyfile bridge_cafile";
  if (option.name == "bridge_keyfile") return "bridge_certfile bridge_cafile";
  for (const std::string_view name :
       {"bridge_alpn", "bridge_ciphers", "bridge_ciphers_tls1.3", "bridge_insecure",
        "bridge_require_ocsp", "bridge_tls_version"}) {
    if (option.name == name) return "bridge_cafile";
  }
  for (const std::string_view name :
       {"cafile", "capath", "crlfile", "ocsp_file", "disable_client_cert_date_checks"}) {
    if (option.name == name) return "certfile keyfile";
  }
  return "";
}

/// The same for one whose value is no file.
bool needs_proxy_protocol(const Option& option) {
  return option.name == "proxy_protocol_v2_require_tls";
}

/// Lines that every bridge needs, without that of the option itself.
std::vector<std::pair<std::string, std::string>> bridge_lines_of(const Option& option) {
  std::vector<std::pair<std::string, std::string>> lines;
  if (option.name != "address") lines.emplace_back("address", "192.0.2.1");
  if (option.name != "topic") lines.emplace_back("topic", "# out");
  if (option.name == "bridge_psk") lines.emplace_back("bridge_identity", "edge");
  if (option.name == "bridge_identity") lines.emplace_back("bridge_psk", "0123abcd");
  return lines;
}

bool is_in_bridge(const Option& option) {
  return option.scope == Scope::bridge && option.type != Type::heading;
}

std::string as_mosquitto(const Option& option) {
  std::string text = is_in_bridge(option) ? "connection b\n" : "";
  text += spelled(option) + " " + example(option) + "\n";
  if (option.scope == Scope::bridge) {
    for (const auto& [name, value] : bridge_lines_of(option)) text += name + " " + value + "\n";
  }
  if (needs_proxy_protocol(option)) text += "enable_proxy_protocol 2\n";
  for (const auto name : conf::words_of(companions_of(option))) text += std::string(name) + " /x\n";
  return text;
}

std::string as_toml(const Option& option) {
  const bool bare = option.type == Type::flag || option.type == Type::integer;
  const std::string value = bare ? example(option) : conf::toml_string(example(option));
  const bool in_listener = option.scope == Scope::listener;
  std::string head;
  if (in_listener) head = "[[listener]]\n";
  if (in_listener && option.name != "port" && option.name != "unix_socket_path") {
    head += "port = 1883\n";
  }
  if (is_in_bridge(option)) {
    head = "[[connection]]\n" + std::string(option.name == "name" ? "" : "name = \"b\"\n");
  }
  if (option.type == Type::heading) {
    const bool bridge = option.scope == Scope::bridge;
    std::string text = "[[" + spelled(option) + "]]\n";
    if (!bridge) return text + "port = 1\n";
    text += "name = \"b\"\n";
    for (const auto& [name, line] : bridge_lines_of(option)) {
      text += name + " = " + conf::toml_string(line) + "\n";
    }
    return text;
  }
  std::string text = head + conf::toml_key(spelled(option)) + " = " + value + "\n";
  if (is_in_bridge(option)) {
    for (const auto& [name, line] : bridge_lines_of(option)) {
      text += name + " = " + conf::toml_string(line) + "\n";
    }
  }
  if (needs_proxy_protocol(option)) text += "enable_proxy_protocol = 2\n";
  for (const auto name : conf::words_of(companions_of(option))) {
    text += std::string(name) + " = '/x'\n";
  }
  return text;
}

/// Does the text answer as the option's row promises?
void check_answer(const Option& option, const std::string& text) {
  CAPTURE(text);
  const auto errors = errors_of(text);
  if (option.availability == Availability::not_built_in) {
    REQUIRE(errors.size() == 1);
    CHECK(is_in("not built in yet: " + spelled(option), errors.front()));
    return;
  }
  if (option.availability == Availability::refused) {
    REQUIRE(errors.size() == 1);
    CHECK(is_in("'" + spelled(option) + "' is not supported: " + std::string(option.note),
                errors.front()));
    return;
  }
  REQUIRE(errors.empty());
  const auto settings = conf_test::good(text);
  const auto notices = conf_test::remarks_of(settings, conf::Severity::notice);

  if (option.availability == Availability::ignored) {
    REQUIRE_FALSE(notices.empty());
    CHECK(is_in(option.note, notices.front()));
  }
}

}  // namespace

TEST_CASE("every option of Mosquitto is in the table", "[conf]") {
  for (const auto name : conf::words_of(mosquitto_names)) {
    CAPTURE(name);
    CHECK(find_option(name) != nullptr);
  }
}

TEST_CASE("every row of the table is complete", "[conf]") {
  std::set<std::string_view> names;
  for (const Option& option : conf::options()) {
    CAPTURE(option.name);
    CHECK(names.insert(option.name).second);
    CHECK_FALSE(option.help.empty());
    CHECK(option.help.ends_with('.'));
    CHECK_FALSE(conf::example_of(option).empty());
    CHECK((option.type == Type::choice || option.type == Type::log_destination) ==
          !option.choices.empty());
    const bool has_note = option.availability == Availability::ignored ||
                          option.availability == Availability::lacking ||
                          option.availability == Availability::refused;
    CHECK(has_note == !option.note.empty());
    if (option.type == Type::integer) CHECK(option.minimum < option.maximum);
    const bool goes_nowhere = option.type == Type::heading || option.type == Type::folder ||
                              option.name == "per_listener_settings";
    if (option.availability == Availability::works)
      CHECK((option.apply == nullptr) == goes_nowhere);
  }
}

TEST_CASE("every option answers in mosquitto.conf as its row promises", "[conf]") {
  for (const Option& option : conf::options()) {
    if (option.form == Form::toml_only || option.type == Type::folder) continue;
    check_answer(option, as_mosquitto(option));
  }
}

TEST_CASE("every option answers in darter.toml as its row promises", "[conf]") {
  for (const Option& option : conf::options()) {
    if (option.type == Type::folder) continue;
    check_answer(option, as_toml(option));
  }
}

TEST_CASE("a default that is written out changes nothing", "[conf]") {
  for (const Option& option : conf::options()) {
    const bool once = option.availability == Availability::works && !option.repeated;
    if (!once || option.default_text.empty() || option.name == "per_listener_settings") continue;
    CAPTURE(option.name);
    const bool of_bridge = option.scope == Scope::bridge;
    const std::string head =
        of_bridge ? "connection b\naddress a\ntopic # out\nbridge_cafile /ca\n" : "listener 1883\n";
    const auto plain = conf_test::good(head);
    const std::string_view text = conf::default_in(conf::FileForm::mosquitto, option);
    const std::string line = std::string(option.name) + " " + std::string(text);
    if (option.name == "port") continue;  // opens the default listener, as it should
    CHECK(conf_test::good(head + line).listeners == plain.listeners);
    CHECK(conf_test::good(head + line).log == plain.log);
    CHECK(conf_test::good(head + line).bridges == plain.bridges);
  }
}

TEST_CASE("numbers are held to their range", "[conf]") {
  for (const Option& option : conf::options()) {
    if (option.type != Type::integer) continue;
    CAPTURE(option.name);
    CHECK(conf::parse_value(option, std::to_string(option.minimum)));
    CHECK(conf::parse_value(option, std::to_string(option.maximum)));
    CHECK_FALSE(conf::parse_value(option, std::to_string(option.minimum - 1)));
    CHECK_FALSE(conf::parse_value(option, "9223372036854775808"));
    for (const auto* wrong : {"", "x", "1x", "1.5", "0x", "1 2", "--1"}) {
      CHECK_FALSE(conf::parse_value(option, wrong));
    }
  }
}

TEST_CASE("numbers are in C notation", "[conf]") {
  const auto [text, number] = GENERATE(table<std::string, std::int64_t>(
      {{"600", 600}, {"0x258", 600}, {"0X258", 600}, {"01130", 600}, {"+600", 600}}));
  CHECK(conf_test::good("max_keepalive " + text).max_keepalive_seconds == number);
}

TEST_CASE("an option that says off asks for nothing that is missing", "[conf]") {
  CHECK(errors_of("listener 1883\nrequire_certificate false\nenable_control_api false\n").empty());
}

TEST_CASE("an option that asks for the control API is taken, with a warning", "[conf]") {
  const std::string_view text =
      GENERATE("enable_control_api true\n", "listener 1883\nenable_control_api true\n");
  const auto warnings = conf_test::remarks_of(conf_test::good(text), conf::Severity::warning);
  REQUIRE(warnings.size() == 1);
  CHECK(is_in("'enable_control_api' has no effect: there is no control API here", warnings[0]));
  CHECK(
      conf_test::remarks_of(conf_test::good("enable_control_api false\n"), conf::Severity::warning)
          .empty());
}

TEST_CASE("an unknown option is answered with the nearest known name", "[conf]") {
  const auto [wrong, right] = GENERATE(table<std::string, std::string>({
      {"max_keepalives", "max_keepalive"},
      {"allow_anonymus", "allow_anonymous"},
      {"pasword_file", "password_file"},
      {"listner", "listener"},
      {"prot", "port"},
      {"MAX_QOS", ""},
      {"entirely_different_thing", ""},
      {"x", ""},
  }));
  CAPTURE(wrong);
  CHECK(conf::nearest_option(wrong) == right);
}
