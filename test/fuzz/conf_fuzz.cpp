// Both readers of configuration. Any text is settings, or errors that stand on a line; settings
// that are written as TOML and read again are the same settings.

#include <string>

#include "conf/convert.h"
#include "conf/mosquitto_reader.h"
#include "conf/resolve.h"
#include "conf/toml_reader.h"
#include "test/fuzz/input.h"

namespace {

using conf::FileRole;
using conf::Settings;
using fuzz::require;

void check(const conf::Diagnostics& diagnostics) {
  for (const conf::Diagnostic& one : diagnostics) {
    require(!one.text.empty(), "a remark says something");
    require(one.text.find('\n') == one.text.npos, "in one line");
    require(!conf::format(one).empty(), "with its place");
  }
}

/// What the text says. Folders that it names are left alone: an included file includes no more.
conf::Source read(std::string_view text, bool toml) {
  conf::SourceWriter writer;
  (toml ? conf::read_toml : conf::read_mosquitto)(text, "file", FileRole::included, writer);
  return std::move(writer).take();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool toml = input.flag();
  const auto copy = fuzz::exact_copy(input.rest());
  const std::string_view text = mqtt::as_text(copy);
  static_cast<void>(conf::detect_form(text, "fuzz.conf"));
  const conf::Source source = read(text, toml);
  check(source.diagnostics);
  if (conf::has_errors(source.diagnostics)) return 0;

  Settings first = conf::resolve(source);
  check(first.remarks);
  require(!first.listeners.empty(), "somewhere to listen");
  const std::string written = conf::to_toml(source);
  const conf::Source again = read(written, true);
  check(again.diagnostics);
  if (conf::has_errors(again.diagnostics)) {
    for (const auto& one : again.diagnostics) std::fprintf(stderr, "%s\n", format(one).c_str());
    std::fprintf(stderr, "%s\n", written.c_str());
    require(false, "what was converted can be read");
  }
  Settings second = conf::resolve(again);
  first.remarks.clear();
  second.remarks.clear();
  require(first == second, "a converted configuration means the same");
  return 0;
}
