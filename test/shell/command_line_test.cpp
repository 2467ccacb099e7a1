#include "tools/darter-client/command_line.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace shell;

namespace {

using Words = std::vector<std::string>;

std::expected<Settings, NoSettings> read(Tool tool, const Words& words) {
  return read_command_line(tool, words, {});
}

std::string error_of(Tool tool, const Words& words) {
  const auto result = read(tool, words);
  return result ? "" : result.error().text;
}

Settings settings_of(Tool tool, const Words& words) {
  auto result = read(tool, words);
  if (!result) FAIL(result.error().text);
  return std::move(*result);
}

/// A folder with one file of options.
class OptionsFolder {
 public:
  OptionsFolder(const std::string& name, const std::string& text) {
    char path[] = "/tmp/darter-options-XXXXXX";
    folder_ = mkdtemp(path);
    std::ofstream(folder_ + "/" + name) << text;
  }
  ~OptionsFolder() { std::filesystem::remove_all(folder_); }
  OptionsFolder(const OptionsFolder&) = delete;
  OptionsFolder& operator=(const OptionsFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return folder_; }

 private:
  std::string folder_;
};

}  // namespace

TEST_CASE("errors of options are those of Mosquitto's tools", "[command_line]") {
  const auto [words, text] = GENERATE(table<Words, std::string>({
      {{"-t", "a/#b"},
       "Error: Invalid subscription topic 'a/#b', are all '+' and '#' wildcards correct?\n"},
      {{"-t"}, "Error: -t argument given but no topic specified.\n\n"},
      {{"--topic"}, "Error: -t argument given but no topic specified.\n\n"},
      {{"-t", "a\xff"}, "Error: Malformed UTF-8 in -t argument.\n\n"},
      {{"-T", "#/a"},
       "Error: Invalid filter topic '#/a', are all '+' and '#' wildcards correct?\n"},
      {{"-U", "a+"},
       "Error: Invalid unsubscribe topic 'a+', are all '+' and '#' wildcards correct?\n"},
      {{"-q", "3"}, "Error: Invalid QoS given: 3\n"},
      {{"-p", "65536"}, "Error: Invalid port given: 65536\n"},
      {{"-k", "4"},
       "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.\n\n"},
      {{"-i", "a", "-I", "b"}, "Error: -i and -I argument cannot be used together.\n\n"},
      {{"-I", "b", "-i", "a"}, "Error: -i and -I argument cannot be used together.\n\n"},
      {{"-C", "0"}, "Error: Invalid message count \"0\".\n\n"},
      {{"-W", "0"}, "Error: Invalid timeout \"0\".\n\n"},
      {{"-M", "0"}, "Error: Maximum inflight messages must be greater than 0.\n\n"},
      {{"-M"}, "Error: -M argument given but max_inflight not specified.\n\n"},
      {{"-V", "6"}, "Error: Invalid protocol version argument given.\n\n"},
      {{"-V"}, "Error: --protocol-version argument given but no version specified.\n\n"},
      {{"-x", "1s"}, "Error: session-expiry-interval not a number.\n\n"},
      {{"-x", "-2"}, "Error: session-expiry-interval out of range.\n\n"},
      {{"--random-filter", "0"}, "Error: --random-filter chance must be between 0.1-100.0\n\n"},
      {{"--retain-handling", "old"}, "Error: Unknown value 'old' for --retain-handling.\n\n"},
      {{"--will-qos", "3"}, "Error: Invalid will QoS 3.\n\n"},
      {{"--will-topic", "a/#"}, "Error: Invalid will topic 'a/#', does it contain '+' or '#'?\n"},
      {{"-t", "a", "--will-payload", "b"}, "Error: Will payload given, but no will topic given.\n"},
      {{"-t", "a", "--will-retain"}, "Error: Will retain given, but no will topic given.\n"},
      {{"-t", "a", "--cert", "b"},
       "Error: Both certfile and keyfile must be provided if one of them is set.\n"},
      {{"-t", "a", "--keyform", "pem"},
       "Error: If keyform is set, keyfile must be also specified.\n"},
      {{"-t", "a", "--psk", "00", "--cafile", "b"},
       "Error: Only one of --psk or --cafile/--capath may be used at once.\n"},
      {{"-t", "a", "--psk", "00"}, "Error: --psk-identity required if --psk used.\n"},
      {{"-t", "a", "-c", "-V", "311"},
       "Error: You must provide a client id if you are using the -c option.\n"},
      {{"-t", "a", "-c"},
       "Error: You must provide a client id if you are using an infinite session expiry "
       "interval.\n"},
      {{"-t", "a", "-x", "-1", "-I", "b"},
       "Error: You must provide a client id if you are using an infinite session expiry "
       "interval.\n"},
      {Words{}, "Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).\n"},
      {{"-m", "a"}, "Error: Unknown option '-m'.\n"},
      {{"--retain"}, "Error: Unknown option '--retain'.\n"},
      {{"word"}, "Error: Unknown option 'word'.\n"},
      {{""}, "Error: Unknown option ''.\n"},
      {{"-F", "%z"}, "Error: Invalid format specifier 'z'.\n"},
      {{"-o"}, "Error: -o argument given but no options file specified.\n\n"},
      {{"-o", "a", "-o", "b"}, "Error: Duplicate -o argument given.\n\n"},
      {{"-L", "a", "-L"},
       "Error: Unsupported URL scheme.\nTry mqtt://, mqtts://, ws://, wss:// or"
       " unix:PATH.\n\n"},
      {{"-D"}, "Error: --property argument given but not enough arguments specified.\n\n"},
  }));
  CAPTURE(words);
  CHECK(error_of(Tool::sub, words) == text);
}

TEST_CASE("errors of the tools that publish", "[command_line]") {
  const auto [words, text] = GENERATE(table<Words, std::string>({
      {{"-t", "a/+"}, "Error: Invalid publish topic 'a/+', does it contain '+' or '#'?\n"},
      {{"-m", "a", "-n"}, "Error: Only one type of message can be sent at once.\n\n"},
      {{"-l", "-s"}, "Error: Only one type of message can be sent at once.\n\n"},
      {{"--repeat", "0"}, "Error: --repeat argument must be >0.\n\n"},
      {{"--repeat-delay", "-1"}, "Error: --repeat-delay argument must be >=0.0.\n\n"},
      {{"-C", "1"}, "Error: Unknown option '-C'.\n"},
      {{"-e", "1"}, "Error: Unknown option '-e'.\n"},
      {{"--ws-path", "mqtt"},
       "Error: Invalid path 'mqtt' for --ws-path: it begins with '/', and has no blanks (write %20"
       " for one).\n\n"},
      {{"--ws-header", "Origin"},
       "Error: Invalid header 'Origin' for --ws-header: it is \"Name: value\".\n\n"},
      {{"--protocol", "quic"},
       "Error: Unknown protocol 'quic'; known are mqtt and websockets.\n\n"},
  }));
  CAPTURE(words);
  CHECK(error_of(Tool::pub, words) == text);
}

TEST_CASE("help and version end the reading of options", "[command_line]") {
  CHECK(read(Tool::pub, {"--help", "nonsense"}).error().why == NoSettings::Why::help);
  CHECK(read(Tool::rr, {"-d", "--version"}).error().why == NoSettings::Why::version);
  CHECK(read(Tool::rr, {"nonsense", "--help"}).error().why == NoSettings::Why::refused);
}

TEST_CASE("an option changes its setting", "[command_line]") {
  const Settings settings = settings_of(Tool::sub, {"-h",
                                                    "host",
                                                    "-p",
                                                    "1",
                                                    "-t",
                                                    "a",
                                                    "-t",
                                                    "b/#",
                                                    "-T",
                                                    "c",
                                                    "-U",
                                                    "d",
                                                    "-q",
                                                    "2",
                                                    "-k",
                                                    "5",
                                                    "-i",
                                                    "me",
                                                    "-u",
                                                    "ann",
                                                    "-P",
                                                    "word",
                                                    "-c",
                                                    "-x",
                                                    "0x10",
                                                    "-C",
                                                    "3",
                                                    "-W",
                                                    "4",
                                                    "-E",
                                                    "-N",
                                                    "-v",
                                                    "-R",
                                                    "-A",
                                                    "::1",
                                                    "-M",
                                                    "7",
                                                    "--ws",
                                                    "--ws-path",
                                                    "/x",
                                                    "--ws-header",
                                                    "A: b",
                                                    "--will-topic",
                                                    "w",
                                                    "--will-payload",
                                                    "p",
                                                    "--will-qos",
                                                    "1",
                                                    "--will-retain",
                                                    "--retain-as-published",
                                                    "--pretty",
                                                    "--random-filter",
                                                    "50"});
  CHECK(settings.reach.host == "host");
  CHECK(settings.reach.port == 1);
  CHECK(settings.topics == std::vector<std::string>{"a", "b/#"});
  CHECK(settings.filter_outs == std::vector<std::string>{"c"});
  CHECK(settings.unsubscribe_topics == std::vector<std::string>{"d"});
  CHECK(settings.qos == 2);
  CHECK(settings.keep_alive_seconds == 5);
  CHECK(settings.client_id == "me");
  CHECK(settings.user_name == "ann");
  CHECK(settings.password == "word");
  CHECK_FALSE(settings.clean);
  CHECK(settings.session_expiry_seconds == 16);
  CHECK(settings.version == mqtt::Version::v5_0);
  CHECK(settings.message_count == 3);
  CHECK(settings.timeout_seconds == 4);
  CHECK(settings.exit_after_subscribe);
  CHECK_FALSE(settings.style.line_end);
  CHECK(settings.style.verbose);
  CHECK(settings.skip_retained);
  CHECK(settings.retain_handling == mqtt::RetainHandling::do_not_send);
  CHECK(settings.reach.bind_address == "::1");
  CHECK(settings.inflight_max == 7);
  CHECK(settings.reach.carrier == Carrier::websockets);
  CHECK(settings.reach.ws_path == "/x");
  CHECK(settings.reach.ws_headers == std::vector<std::string>{"A: b"});
  CHECK(settings.will.topic == "w");
  CHECK(settings.will.payload == "p");
  CHECK(settings.will.qos == 1);
  CHECK(settings.will.retain);
  CHECK(settings.retain_as_published);
  CHECK(settings.pretty);
  CHECK(settings.random_filter == 5000);
}

TEST_CASE("without -V the version is left to the broker; the last word on it counts",
          "[command_line]") {
  CHECK_FALSE(settings_of(Tool::pub, {}).version);
  CHECK(settings_of(Tool::pub, {"-V", "mqttv31"}).version == mqtt::Version::v3_1);
  const Words property{"-D", "connect", "user-property", "a", "b"};
  Words before{"-V", "311"};
  before.insert(before.end(), property.begin(), property.end());
  CHECK(settings_of(Tool::pub, before).version == mqtt::Version::v5_0);
  Words after = property;
  after.insert(after.end(), {"-V", "311"});
  CHECK(settings_of(Tool::pub, after).version == mqtt::Version::v3_1_1);
}

TEST_CASE("a persistent client of 5.0 has a session that never ends, unless it says so",
          "[command_line]") {
  CHECK(settings_of(Tool::pub, {"-c", "-i", "me"}).session_expiry_seconds == 0xFFFFFFFFU);
  CHECK(settings_of(Tool::pub, {"-c", "-x", "∞", "-i", "me"}).session_expiry_seconds ==
        0xFFFFFFFFU);
  CHECK(settings_of(Tool::pub, {"-c", "-x", "0"}).session_expiry_seconds == 0U);
  CHECK_FALSE(settings_of(Tool::pub, {}).session_expiry_seconds);
}

TEST_CASE("a file of options comes before the command line", "[command_line]") {
  const OptionsFolder folder("mosquitto_sub",
                             "# a comment\n-h elsewhere\n\n-u ann lee\r\n--verbose\n"
                             "-D connect user-property one two words\n-t from/file");
  const Environment environment{.config_home = folder.path(), .home = {}};
  const auto settings = read_command_line(Tool::sub, Words{"-h", "here", "-t", "b"}, environment);
  REQUIRE(settings);
  CHECK(settings->reach.host == "here");
  CHECK(settings->user_name == "ann lee");
  CHECK(settings->style.verbose);
  CHECK(settings->topics == std::vector<std::string>{"from/file", "b"});
  mqtt::UserProperties(mqtt::as_bytes(settings->properties.connect))
      .for_each([](std::string_view name, std::string_view value) {
        CHECK(name == "one");
        CHECK(value == "two words");
      });
}

TEST_CASE("the tool's own file takes the place of Mosquitto's, and -o of both", "[command_line]") {
  const OptionsFolder folder("mosquitto_pub", "-u old");
  std::ofstream(folder.path() + "/darter-pub") << "-u new";
  std::ofstream(folder.path() + "/third") << "-u third";
  const Environment environment{.config_home = folder.path(), .home = {}};
  CHECK(read_command_line(Tool::pub, Words{}, environment)->user_name == "new");
  const Words words{"-o", folder.path() + "/third"};
  CHECK(read_command_line(Tool::pub, words, environment)->user_name == "third");
  const auto missing = read_command_line(Tool::pub, Words{"-o", folder.path() + "/none"}, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text == "Error: Unable to read the options file \"" + folder.path() +
                                    "/none\": No such file or directory.\n\n");
}

TEST_CASE("without XDG_CONFIG_HOME the file is below HOME", "[command_line]") {
  const OptionsFolder folder("unused", "");
  std::filesystem::create_directory(folder.path() + "/.config");
  std::ofstream(folder.path() + "/.config/mosquitto_rr") << "-u ann";
  const Environment environment{.config_home = {}, .home = folder.path()};
  CHECK(read_command_line(Tool::rr, Words{}, environment)->user_name == "ann");
}

TEST_CASE("a password is the first line of a file or of a descriptor", "[command_line]") {
  const OptionsFolder folder("password", "secret word\nmore\n");
  const std::string path = folder.path() + "/password";
  CHECK(settings_of(Tool::pub, {"--pw-file", path}).password == "secret word");
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(write(ends[1], "fd word\r\n", 9) == 9);
  REQUIRE(close(ends[1]) == 0);
  CHECK(settings_of(Tool::pub, {"--pw-fd", std::to_string(ends[0])}).password == "fd word");
  REQUIRE(close(ends[0]) == 0);
  CHECK(error_of(Tool::pub, {"--pw-file", folder.path() + "/none"}) ==
        "Error: Unable to read the password file \"" + folder.path() +
            "/none\": No such file or directory.\n\n");
  CHECK(error_of(Tool::pub, {"--pw-fd", "x"}) ==
        "Error: --pw-fd takes the number of an open descriptor, not x\n\n");
}

TEST_CASE("each option has a name of its own, a help and, with a value, an error without it",
          "[command_line]") {
  for (const Option& option : options()) {
    CAPTURE(option.short_name, option.long_name);
    CHECK_FALSE((option.short_name.empty() && option.long_name.empty()));
    CHECK_FALSE(option.help.empty());
    CHECK(option.tools != 0);
    const bool takes_value =
        option.kind == Option::Kind::value || option.kind == Option::Kind::options_file;
    CHECK(takes_value == !option.missing.empty());
    for (const Tool tool : {Tool::pub, Tool::sub, Tool::rr}) {
      if ((option.tools & std::to_underlying(tool)) == 0) continue;
      for (const auto name : {option.short_name, option.long_name}) {
        if (!name.empty()) CHECK(option_named(tool, name) == &option);
      }
    }
  }
}
