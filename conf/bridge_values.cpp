#include "conf/bridge_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "broker/wire/topic.h"
#include "conf/diagnostic.h"
#include "conf/value.h"

namespace conf {
namespace {

constexpr std::string_view blanks_between = " \t";

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& each : result) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return result;
}

std::optional<BridgeDirection> direction_of(std::string_view word) {
  const std::string name = lower(word);
  if (name == "out") return BridgeDirection::out;
  if (name == "in") return BridgeDirection::in;
  if (name == "both") return BridgeDirection::both;
  return std::nullopt;
}

/// "" in quotes stands for nothing.
std::string_view unquoted(std::string_view word) { return word == "\"\"" ? "" : word; }

/// Why the topic cannot be: empty if it can.
std::string topic_fault(const BridgeTopic& topic) {
  for (const std::string& prefix : {topic.local_prefix, topic.remote_prefix}) {
    if (!prefix.empty() && !mqtt::TopicName::parse(prefix)) {
      return "has the prefix " + quoted(prefix) + ", which is no part of a topic name";
    }
    if (topic.pattern.empty() && prefix.empty()) {
      return "has no pattern: it then needs a local and a remote prefix, which are the two topics";
    }
    const std::string filter = prefix + topic.pattern;
    if (!mqtt::TopicFilter::parse(filter)) {
      return "makes " + quoted(filter) + ", which is no topic filter";
    }
  }
  return "";
}

struct SchemeName {
  std::string_view prefix;
  BridgeScheme scheme;
  std::uint16_t port;
};
constexpr std::array<SchemeName, 4> scheme_names = {{
    {"mqtt://", BridgeScheme::mqtt, 1883},
    {"mqtts://", BridgeScheme::mqtts, 8883},
    {"ws://", BridgeScheme::ws, 80},
    {"wss://", BridgeScheme::wss, 443},
}};

std::expected<BridgeAddress, std::string> host_and_port_of(std::string_view word,
                                                           std::uint16_t default_port) {
  BridgeAddress address;
  address.port = default_port;
  std::string_view port;
  const auto bracket = word.find(']');
  const auto colon = word.rfind(':');
  if (word.starts_with('[') && bracket != word.npos) {
    address.host = word.substr(1, bracket - 1);
    port = word.substr(bracket + 1);
    if (!port.empty() && !port.starts_with(':')) port = ":none";
  } else {
    address.host = word.substr(0, colon);
    if (colon != word.npos) port = word.substr(colon);
  }
  if (address.host.empty()) return std::unexpected("has " + quoted(word) + " without a host");
  if (port.empty()) return address;
  const auto number = number_of(port.substr(1));
  if (!number || *number == 0 || *number > UINT16_MAX) {
    return std::unexpected("has " + quoted(word) + "; a port is a number, 1 to 65535");
  }
  address.port = static_cast<std::uint16_t>(*number);
  return address;
}

std::expected<BridgeAddress, std::string> address_of(std::string_view word) {
  if (word.starts_with("unix:")) {
    std::string_view path = word.substr(5);
    if (path.starts_with("///")) path.remove_prefix(2);
    if (!path.starts_with('/')) {
      return std::unexpected("has " + quoted(word) + ", whose path does not begin with '/'");
    }
    return BridgeAddress{
        .host = "", .scheme = BridgeScheme::unix_socket, .path = std::string(path)};
  }
  const auto known = std::ranges::find_if(
      scheme_names, [&](const SchemeName& each) { return word.starts_with(each.prefix); });
  if (known == scheme_names.end()) {
    if (word.find("://") != word.npos) {
      return std::unexpected("has " + quoted(word) +
                             "; a URL begins with mqtt://, mqtts://, ws://, wss:// or unix:");
    }
    return host_and_port_of(word, 1883);
  }
  std::string_view place = word.substr(known->prefix.size());
  if (place.find('@') != place.npos) {
    return std::unexpected(
        "has a user in its URL; that is remote_username's, and its password remote_password's");
  }
  const auto slash = std::min(place.find('/'), place.size());
  auto address = host_and_port_of(place.substr(0, slash), known->port);
  if (!address) return address;
  address->scheme = known->scheme;
  address->path = place.substr(slash);
  return address;
}

}  // namespace

std::expected<BridgeTopic, std::string> parse_bridge_topic(std::string_view text) {
  enum Position : std::size_t { pattern, direction, qos, local_prefix, remote_prefix };
  auto words = words_of(text, blanks_between);
  for (std::size_t i = qos; i < words.size(); ++i) {
    if (words[i].starts_with('#')) words.resize(i);
  }
  BridgeTopic topic;
  if (words.size() > pattern) topic.pattern = unquoted(words[pattern]);
  if (words.size() > direction) {
    const auto found = direction_of(words[direction]);
    if (!found) {
      return std::unexpected("has the direction " + quoted(words[direction]) +
                             "; it is out, in or both");
    }
    topic.direction = *found;
  }
  if (words.size() > qos) {
    const auto number = number_of(words[qos]);
    if (!number || *number > 2) {
      return std::unexpected("has the QoS " + quoted(words[qos]) + "; it is 0, 1 or 2");
    }
    topic.qos = static_cast<std::uint8_t>(*number);
  }
  if (words.size() > local_prefix) topic.local_prefix = unquoted(words[local_prefix]);
  if (words.size() > remote_prefix) topic.remote_prefix = unquoted(words[remote_prefix]);
  std::string fault = topic_fault(topic);
  if (!fault.empty()) return std::unexpected(std::move(fault));
  return topic;
}

std::expected<std::vector<BridgeAddress>, std::string> parse_bridge_addresses(
    std::string_view text) {
  std::vector<BridgeAddress> addresses;
  for (const std::string_view word : words_of(text, blanks_between)) {
    auto address = address_of(word);
    if (!address) return std::unexpected(std::move(address.error()));
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

std::vector<std::uint32_t> parse_numbers(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  for (const std::string_view word : words_of(text, blanks_between)) {
    const auto number = number_of(word);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace conf
