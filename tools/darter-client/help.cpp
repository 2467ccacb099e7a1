#include "tools/darter-client/help.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tools/darter-client/options.h"

namespace shell {
namespace {

constexpr std::size_t help_text_column = 30;
constexpr std::size_t help_width = 100;

constexpr std::string_view pub_head =
    R"(darter-pub sends MQTT messages. It takes the options of mosquitto_pub.

Usage: darter-pub [-h HOST] [-p PORT] -t TOPIC {-m TEXT | -n | -f FILE | -s | -l} [OPTION]...
       darter-pub -L mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC -m TEXT [OPTION]...
)";
constexpr std::string_view sub_head =
    R"(darter-sub subscribes to MQTT topics and prints the messages. It takes the options of
mosquitto_sub.

Usage: darter-sub [-h HOST] [-p PORT] -t FILTER [-t FILTER]... [OPTION]...
       darter-sub -L mqtt://[USER[:PASSWORD]@]HOST[:PORT]/FILTER [OPTION]...
)";
constexpr std::string_view rr_head =
    R"(darter-rr sends an MQTT message as a request, waits for the response and prints it. It takes
the options of mosquitto_rr.

Usage: darter-rr [-h HOST] [-p PORT] -t TOPIC -e RESPONSE-TOPIC {-m TEXT | -n | -f FILE | -s}
                 [OPTION]...
)";

constexpr std::string_view pub_examples = R"(
  darter-pub -t kitchen/lamp -m on
  darter-pub -h mqtt.example.com -p 8883 --capath /etc/ssl/certs -u ann --pw-file ~/.mqtt -t a -m b
  darter-pub -h mqtt.example.com -p 443 --capath /etc/ssl/certs --protocol websockets -t a -m b
  tail -f log | darter-pub -L mqtts://broker.example.com/log -q 1 -l
)";
constexpr std::string_view sub_examples = R"(
  darter-sub -v -t '#'
  darter-sub -h mqtt.example.com -p 443 --capath /etc/ssl/certs --protocol websockets -t 'a/#'
  darter-sub -t 'sensors/+/temperature' -F '@H:@M:@S %t %p'
  darter-sub -t 'sensors/#' -F %j | jq .payload
  darter-sub -t 'sensors/#' --watch
  darter-sub -t 'old/#' --remove-retained --retained-only -W 5
)";
constexpr std::string_view rr_examples = R"(
  darter-rr -t lamp/get -e lamp/answer -m state -W 5
  darter-rr -L mqtts://ann:secret@broker.example.com/lamp/get -e lamp/answer -n --latency
)";

/// The column of an option's names and argument: "  -h, --host HOST".
std::string names_of(const Option& option) {
  std::string names = "  ";
  names += option.short_name;
  if (!option.short_name.empty() && !option.long_name.empty()) names += ", ";
  names += option.long_name;
  if (!option.argument.empty()) names.append(" ").append(option.argument);
  return names;
}

void add_option(const Option& option, std::string& out) {
  std::string line = names_of(option);
  if (line.size() + 2 > help_text_column) {
    out += line + "\n";
    line.clear();
  }
  line.resize(help_text_column, ' ');
  std::string_view words = option.help;
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    if (line.size() + 1 + end > help_width) {
      out += line + "\n";
      line.assign(help_text_column, ' ');
    }
    if (line.size() > help_text_column) line += ' ';
    line += words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  out += line + "\n";
}

}  // namespace

std::string help_text(Tool tool) {
  std::string out(tool == Tool::pub ? pub_head : tool == Tool::sub ? sub_head : rr_head);
  out += "\nOptions:\n";
  for (const Option& option : options()) {
    if ((option.tools & std::to_underlying(tool)) != 0) add_option(option, out);
  }
  out += "\nExamples:";
  out += tool == Tool::pub ? pub_examples : tool == Tool::sub ? sub_examples : rr_examples;
  return out;
}

}  // namespace shell
