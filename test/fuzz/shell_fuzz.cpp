// The texts that darter-pub and its kin are given by users, and the two answers of strangers that
// no other target reads: URLs, files of options, formats, JSON, and SRV records. Any text is
// understood, or refused with words; an address or JSON that is written down and read again is the
// same.

#include <string>

#include "test/fuzz/input.h"
#include "tools/darter-client/command_line.h"
#include "tools/darter-client/format.h"
#include "tools/darter-client/json.h"
#include "tools/darter-client/url.h"
#include "transport/link/address.h"
#include "transport/link/srv.h"

namespace {

using fuzz::require;

void check_fault(const std::string& fault) {
  require(fault.size() > 1 && fault.ends_with('\n'), "an error is at least a line");
}

void read_url(std::string_view text) {
  const auto url = shell::parse_url(text);
  if (!url) return check_fault(url.error());
  require(url->host.empty() != url->unix_path.empty(), "there is one place");
  require(url->host.empty() || url->port.value_or(0) != 0, "a host has a port");
  require(url->host.empty() || url->topic.has_value(), "and a topic");
  require(url->user_name || !url->password, "no password without a user");
}

void read_address(std::string_view text) {
  const auto address = transport::LinkAddress::parse(text);
  if (!address) return require(!address.error().empty(), "an error says something");
  if (address->is_unix()) return require(!address->path.empty(), "a socket has a path");
  require(!address->host.empty() && address->port != 0, "a host has a port");
  if (address->host.find_first_of("[]@/?") != std::string::npos) return;
  const auto again = transport::LinkAddress::parse(address->text());
  require(again && again->host == address->host && again->port == address->port,
          "an address that is shown is the same address");
}

void read_options(shell::Tool tool, std::string_view text) {
  // These read files and descriptors of the machine.
  if (text.find("--pw-f") != text.npos) return;
  shell::Settings settings(tool);
  if (const auto taken = shell::take_options_text(settings, text); !taken) {
    if (taken.error().why == shell::NoSettings::Why::refused) check_fault(taken.error().text);
    return;
  }
  if (const auto fault = shell::check_settings(settings)) return check_fault(*fault);
  require(settings.qos <= 2 && settings.inflight_max > 0, "settings are within their limits");
  require(
      tool != shell::Tool::sub || !settings.topics.empty() || !settings.unsubscribe_topics.empty(),
      "a subscriber has a topic");
}

void read_format(fuzz::Input& input) {
  mqtt::Publish message;
  const auto payload = fuzz::exact_copy(input.take(input.below(40)));
  message.topic = "a/b";
  message.payload = payload;
  const auto text = fuzz::exact_copy(input.rest());
  const auto format = shell::Format::parse(mqtt::as_text(text));
  if (!format) return check_fault(format.error());
  std::string out;
  const shell::Stamp stamp{.seconds = 1'588'798'080, .nanoseconds = 123'456'789};
  // Some of them have no line end, as with Mosquitto.
  const auto fault = format->print(message, stamp, true, out);
  require(!fault || !fault->empty(), "an error says something");
}

void read_json(std::string_view text) {
  const auto value = shell::parse_json(text);
  if (!value) return;
  for (const bool pretty : {false, true}) {
    const std::string printed = shell::print_json(*value, pretty);
    const auto again = shell::parse_json(printed);
    require(again.has_value(), "JSON that is printed can be read");
    require(shell::print_json(*again, pretty) == printed, "and is the same");
  }
}

void read_srv(mqtt::Bytes answer) {
  auto targets = transport::read_srv_answer(answer);
  const std::size_t count = targets.size();
  transport::order_srv_targets(targets, [](std::uint32_t most) { return most / 2; });
  require(targets.size() == count, "an order has all targets");
  for (std::size_t i = 1; i < count; ++i) {
    require(targets[i - 1].priority <= targets[i].priority, "by their priority");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr shell::Tool tools[] = {shell::Tool::pub, shell::Tool::sub, shell::Tool::rr};
  fuzz::Input input(data, size);
  const std::size_t kind = input.below(6);
  if (kind == 0) {
    read_format(input);
    return 0;
  }
  const shell::Tool tool = input.pick(tools);
  const auto copy = fuzz::exact_copy(input.rest());
  const std::string_view text = mqtt::as_text(copy);
  if (kind == 1) read_url(text);
  if (kind == 2) read_address(text);
  if (kind == 3) read_options(tool, text);
  if (kind == 4) read_json(text);
  if (kind == 5) read_srv(copy);
  return 0;
}
