#include "conf/load.h"

#include "conf/bridge_checks.h"
#include "conf/cluster_checks.h"
#include "conf/convert.h"
#include "conf/detect.h"
#include "conf/devices.h"
#include "conf/file.h"
#include "conf/folders.h"
#include "conf/proxy_checks.h"
#include "conf/reader.h"
#include "conf/resolve.h"
#include "conf/tls_checks.h"
#include "conf/websocket_checks.h"

namespace conf {
namespace {

Diagnostics only(std::string text) {
  return {{.severity = Severity::error, .file = {}, .line = 0, .text = std::move(text)}};
}

std::expected<Settings, Diagnostics> settings_of(
    std::expected<Configuration, Diagnostics> configuration) {
  if (!configuration) return std::unexpected(std::move(configuration.error()));
  return std::move(configuration->settings);
}

/// The main file decides: files that it includes have no defaults of their own.
void add_form_defaults(Source& source) {
  for (const Option& option : options()) {
    if (option.mosquitto_default.empty()) continue;
    if (const auto value = parse_value(option, option.mosquitto_default)) {
      source.form_defaults.push_back({.option = &option, .value = *value, .place = {}});
    }
  }
}

}  // namespace

Source read_source(std::string_view text, const std::string& file) {
  SourceWriter writer;
  read_file_text(text, file, FileRole::main, writer);
  Source source = std::move(writer).take();
  if (detect_form(text, file) == FileForm::mosquitto) add_form_defaults(source);
  return source;
}

static std::expected<Configuration, Diagnostics> load_configuration_text(
    std::string_view text, const std::string& file, const std::vector<std::uint16_t>& ports) {
  Source source = read_source(text, file);
  for (const Diagnostics& more :
       {missing_devices(source), missing_folders(source), check_tls(source), check_proxies(source),
        check_websockets(source), check_bridges(source), check_cluster(source)}) {
    source.diagnostics.insert(source.diagnostics.end(), more.begin(), more.end());
  }
  if (has_errors(source.diagnostics)) return std::unexpected(source.diagnostics);
  return resolve_configuration(source, ports);
}

std::expected<Configuration, Diagnostics> load_configuration(
    const std::string& path, const std::vector<std::uint16_t>& ports) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(only(text.error()));
  return load_configuration_text(*text, path, ports);
}

std::expected<Settings, Diagnostics> load_text(std::string_view text, const std::string& file,
                                               const std::vector<std::uint16_t>& ports) {
  return settings_of(load_configuration_text(text, file, ports));
}

std::expected<Settings, Diagnostics> load(const std::string& path,
                                          const std::vector<std::uint16_t>& ports) {
  return settings_of(load_configuration(path, ports));
}

Settings load_defaults(const std::vector<std::uint16_t>& ports) { return resolve({}, ports); }

std::expected<std::string, Diagnostics> convert(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(only(text.error()));
  const Source source = read_source(*text, path);
  if (has_errors(source.diagnostics)) return std::unexpected(source.diagnostics);
  const bool includes = text->find("include_dir") != std::string::npos;
  if (detect_form(*text, path) == FileForm::toml && !includes) return *text;
  return to_toml(source);
}

}  // namespace conf
