#include "conf/sample.h"

#include <catch2/catch.hpp>
#include <string>

#include "conf/command_line.h"
#include "conf/file.h"
#include "conf/manual.h"
#include "conf/options.h"
#include "test/conf/configuration.h"

using conf_test::is_in;

namespace {

/// Every option line of a sample without its comment mark.
std::string switched_on(const std::string& sample) {
  std::string text;
  std::size_t begin = 0;
  while (begin < sample.size()) {
    const auto end = sample.find('\n', begin);
    std::string line = sample.substr(begin, end - begin);
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
    // What a sample shows of a folder need not be there; PSK and certificates exclude each other.
    const bool fits = !line.starts_with("include_dir") && !line.starts_with("psk_hint") &&
                      !line.starts_with("bridge_psk") && !line.starts_with("bridge_identity");
    if (fits) text += line + "\n";
    begin = end + 1;
  }
  return text;
}

std::string checked_in(const std::string& name) {
  return conf::read_file(DARTER_SOURCE_DIR "/conf/" + name).value_or("");
}

}  // namespace

TEST_CASE("the samples and manual pages in conf/ are what the tables generate", "[conf]") {
  // To renew them: darter --sample-config toml > conf/darter.toml, and so on.
  CHECK(checked_in("darter.toml") == conf::sample_toml());
  CHECK(checked_in("mosquitto.conf") == conf::sample_mosquitto());
  CHECK(checked_in("darter.conf.5") == conf::configuration_manual());
  CHECK(checked_in("darter.8") == conf::program_manual());
}

TEST_CASE("a sample as it stands changes nothing", "[conf]") {
  const auto defaults = conf::load_defaults();
  for (const auto& sample : {conf::sample_toml(), conf::sample_mosquitto()}) {
    const auto settings = conf_test::good(sample);
    CHECK(settings.listeners == defaults.listeners);
    CHECK(settings.remarks.empty());
  }
}

TEST_CASE("every option of a sample can be switched on", "[conf]") {
  const auto toml = conf_test::good(switched_on(conf::sample_toml()));
  auto mosquitto = conf_test::good(switched_on(conf::sample_mosquitto()));
  CHECK(toml.listeners.size() == 2);  // one of HTTP
  CHECK(toml.listeners == mosquitto.listeners);
  // The default of log_journal is another one in each form.
  CHECK(mosquitto.log.journal == conf::LogJournal::priority);
  mosquitto.log.journal = toml.log.journal;
  CHECK(toml.log == mosquitto.log);
}

TEST_CASE("the manual page of the file has every option", "[conf]") {
  const std::string page = conf::configuration_manual();
  for (const conf::Option& option : conf::options()) {
    CHECK(is_in(".TP\n.B " + std::string(option.name) + "\n", page));
  }
}

TEST_CASE("the manual page of the program has every argument", "[conf]") {
  const std::string page = conf::program_manual();
  CHECK(is_in(".TP\n.BR \\-c \", \" \\-\\-config\\-file \" \\fIFILE\\fR\"\n", page));
  CHECK(is_in(".TP\n.BR \\-\\-version\n", page));
  for (const conf::ArgumentText& each : conf::argument_texts()) {
    std::string name;
    for (const char letter : each.long_name) name += letter == '-' ? "\\-" : std::string(1, letter);
    CAPTURE(name);
    CHECK(is_in(" " + name, page));
  }
}

TEST_CASE("samples and manual pages are called by name", "[conf]") {
  CHECK(conf::sample_of("man") == conf::configuration_manual());
  CHECK(conf::sample_of("man8") == conf::program_manual());
  CHECK(conf::sample_of("nonsense").empty());
}

TEST_CASE("lines of the samples fit on a screen", "[conf]") {
  for (const auto& sample : {conf::sample_toml(), conf::sample_mosquitto(),
                             conf::configuration_manual(), conf::program_manual()}) {
    std::size_t begin = 0;
    while (begin < sample.size()) {
      const auto end = sample.find('\n', begin);
      CHECK(end - begin <= 100);
      begin = end + 1;
    }
  }
}
