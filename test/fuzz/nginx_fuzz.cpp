// The reader of nginx configuration. Any text is directives that stand on lines of it, and errors
// that do; written down word by word and read again, they are the same directives. And whatever
// they are, darter doctor has findings about them.

#include <algorithm>
#include <string>

#include "broker/server/doctor/examine.h"
#include "broker/server/doctor/report.h"
#include "conf/load.h"
#include "conf/nginx_reader.h"
#include "test/fuzz/input.h"

namespace {

using conf::NginxDirective;
using fuzz::require;

void quote(const std::string& word, std::string& text) {
  text += '"';
  for (const char letter : word) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
  text += "\" ";
}

void write(const std::vector<NginxDirective>& directives, std::string& text) {
  for (const NginxDirective& each : directives) {
    quote(each.name, text);
    for (const std::string& word : each.words) quote(word, text);
    text += each.has_block ? "{" : ";";
    write(each.block, text);
    if (each.has_block) text += "}";
    text += "\n";
  }
}

void check(const std::vector<NginxDirective>& directives, int lines, bool& foreign) {
  for (const NginxDirective& each : directives) {
    require(each.place.line >= 1 && each.place.line <= lines, "a directive stands on a line");
    require(each.has_block || each.block.empty(), "only a block holds directives");
    foreign = foreign || each.name.ends_with("_by_lua_block") || each.name == "include";
    check(each.block, lines, foreign);
  }
}

conf::NginxConfiguration read(std::string_view text, const std::string& of_include) {
  return conf::read_nginx(text, "file", [&of_include](const std::string& pattern) {
    return std::vector<conf::NginxFile>{{pattern, of_include}};
  });
}

/// A broker with a listener of each kind, on a machine of which nothing is known.
doctor::Case make_case() {
  constexpr std::string_view text =
      "max_keepalive 60\nlistener 1883 127.0.0.1\nlistener 9001\nprotocol websockets\n"
      "http_path /mqtt\nlistener 0 /s\nprotocol websockets\nwebsockets_ping_interval 30\n"
      "websockets_origin https://a.example\n";
  doctor::Case subject;
  subject.configuration.file = "conf";
  subject.configuration.settings = conf::load_text(text, "conf").value();
  subject.configuration.source = conf::read_source(text, "conf");
  subject.facts.tls.resize(subject.configuration.settings.listeners.size());
  return subject;
}

void examine(conf::NginxConfiguration nginx) {
  static doctor::Case subject = make_case();
  subject.nginx = std::move(nginx);
  const auto chapters = doctor::examine(subject);
  std::ptrdiff_t lines = 2 * static_cast<std::ptrdiff_t>(chapters.size()) + 1;
  for (const doctor::Chapter& chapter : chapters) {
    for (const doctor::Finding& each : chapter.findings) {
      require(!each.what.empty(), "a finding says something");
      lines += each.cure.empty() ? 1 : 2;
    }
  }
  const std::string text = doctor::report(chapters);
  require(std::ranges::count(text, '\n') == lines, "each finding in a line, its cure in another");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto copy = fuzz::exact_copy(input.rest());
  const std::string_view text = mqtt::as_text(copy);
  const int lines = 1 + static_cast<int>(std::ranges::count(text, '\n'));
  const auto found = read(text, "x y;");
  for (const conf::Diagnostic& each : found.diagnostics) {
    require(each.line >= 1 && each.line <= lines, "an error stands on a line");
  }
  examine(found);
  bool foreign = false;
  check(found.directives, lines, foreign);
  if (foreign || conf::has_errors(found.diagnostics)) return 0;
  std::string written;
  write(found.directives, written);
  const auto again = read(written, "x y;");
  require(again.diagnostics.empty(), "what was written can be read");
  std::string twice;
  write(again.directives, twice);
  require(written == twice, "and is the same");
  return 0;
}
