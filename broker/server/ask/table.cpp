#include "broker/server/ask/table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <functional>
#include <utility>

#include "broker/core/text.h"

namespace ask {
namespace {

using broker::concat;
using Json = nlohmann::ordered_json;

/// The characters of a text in UTF-8.
std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char each) { return (static_cast<unsigned char>(each) & 0xC0U) != 0x80U; }));
}

// A broker of another version may lack a part of an answer.

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

bool is_set(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string address_text(const Json& client) {
  std::string address = text_at(client, "address");
  const std::int64_t port = number_at(client, "port");
  if (port == 0) return address;
  const bool is_v6 = address.contains(':');
  return concat({is_v6 ? "[" : "", address, is_v6 ? "]:" : ":", std::to_string(port)});
}

std::string presence_text(const Json& client) {
  if (is_set(client, "connected")) return duration_text(number_at(client, "connected_seconds"));
  return "away";
}

std::string size_text(const Json& object, const char* name) {
  return bytes_text(static_cast<std::uint64_t>(number_at(object, name)));
}

/// A rate with a digit behind the point if it is small: "0", "2.5", "1200".
std::string rate_text(const Json& object, const char* name) {
  const auto found = object.find(name);
  const double rate = found != object.end() && found->is_number() ? found->get<double>() : 0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), rate > 0 && rate < 100 ? "%.1f" : "%.0f", rate);
  return text.data();
}

std::string expiry_text(const Json& client) {
  const auto interval = client.find("session_expiry_seconds");
  const auto left = client.find("expires_in_seconds");
  if (left != client.end() && left->is_number()) {
    return concat({"ends in ", duration_text(left->get<std::int64_t>())});
  }
  if (interval == client.end() || interval->is_null()) return "never ends";
  if (interval->get<std::int64_t>() == 0) return "ends with the connection";
  return concat({"ends ", duration_text(interval->get<std::int64_t>()), " after the connection"});
}

std::string options_text(const Json& subscription) {
  std::string text;
  if (is_set(subscription, "no_local")) text += " no-local";
  if (is_set(subscription, "retain_as_published")) text += " retain-as-published";
  const std::int64_t identifier = number_at(subscription, "identifier");
  if (identifier != 0) text += concat({" id=", std::to_string(identifier)});
  return text.empty() ? text : text.substr(1);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (const char each : text) {
    const auto code = static_cast<unsigned char>(each);
    if (code >= 0x20U && code != 0x7FU) {
      result += each;
      continue;
    }
    std::array<char, 5> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02X", code);
    result += escaped.data();
  }
  return result;
}

std::string duration_text(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    std::string_view name;
  };
  constexpr auto units = std::to_array<Unit>({{86'400, " d"}, {3'600, " h"}, {60, " min"}});
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (seconds < units[i].seconds) continue;
    const Unit smaller = i + 1 < units.size() ? units[i + 1] : Unit{1, " s"};
    const std::int64_t rest = seconds % units[i].seconds / smaller.seconds;
    std::string text = concat({std::to_string(seconds / units[i].seconds), units[i].name});
    if (rest > 0) text += concat({" ", std::to_string(rest), smaller.name});
    return text;
  }
  return std::to_string(seconds) + " s";
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr auto names = std::to_array<std::string_view>({" KiB", " MiB", " GiB", " TiB"});
  auto size = static_cast<double>(bytes) / 1024;
  std::size_t name = 0;
  for (; size >= 1024 && name + 1 < names.size(); ++name) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), size < 10 ? "%.1f" : "%.0f", size);
  return concat({text.data(), names[name]});
}

Table::Table(std::initializer_list<std::string_view> headings) {
  rows_.emplace_back(headings.begin(), headings.end());
}

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::print() {
  if (widths_.empty() && !rows_.empty()) {
    widths_.resize(rows_.front().size());
    for (const auto& row : rows_) {
      assert(row.size() == widths_.size());
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths_[i] = std::max(widths_[i], characters_of(row[i]));
      }
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 == row.size()) continue;
      const std::size_t width = characters_of(row[i]);
      text.append(widths_[i] + 2 - std::min(width, widths_[i]), ' ');
    }
    text += '\n';
  }
  rows_.clear();
  return text;
}

Table client_table() {
  return {"CLIENT", "USER",  "ADDRESS",  "LISTENER", "MQTT",    "SUBSCRIPTIONS",
          "IN/S",   "OUT/S", "MESSAGES", "QUEUED",   "DROPPED", "CONNECTED"};
}

void add_client(Table& table, const Json& client) {
  table.add({text_at(client, "client_id"), text_at(client, "user"), address_text(client),
             text_at(client, "listener"), text_at(client, "version"),
             std::to_string(number_at(client, "subscriptions")),
             rate_text(client, "received_per_second"), rate_text(client, "sent_per_second"),
             std::to_string(number_at(client, "in_flight") + number_at(client, "queued")),
             size_text(client, "queued_bytes"), std::to_string(number_at(client, "dropped")),
             presence_text(client)});
}

void add_top(Table& table, const Json& row) {
  const auto messages = row.find("messages_per_second");
  std::array<char, 32> rate{};
  std::snprintf(rate.data(), rate.size(), "%.1f/s",
                messages != row.end() && messages->is_number() ? messages->get<double>() : 0.0);
  table.add({concat({text_at(row, "name"), is_set(row, "cut") ? "..." : ""}), rate.data(),
             size_text(row, "bytes_per_second") + "/s"});
}

void add_retained(Table& table, const Json& message) {
  const std::string payload = text_at(message, "payload");
  table.add({text_at(message, "topic"), std::to_string(number_at(message, "qos")),
             size_text(message, "payload_bytes"), text_at(message, "client_id"),
             payload.empty() ? text_at(message, "payload_base64") : payload});
}

void add_ban(Table& table, const Json& ban) {
  table.add({text_at(ban, "address"), duration_text(number_at(ban, "seconds_left"))});
}

std::string decisions_text(const Json& answer) {
  const auto list = answer.find("answers");
  if (list == answer.end()) return "";
  std::vector<std::string> decisions;
  std::vector<std::string> lines;
  for (const Json& each : *list) {
    const std::string decision = concat(
        {is_set(each, "allowed") ? "allowed: " : "denied: ", printable(text_at(each, "decided"))});
    decisions.push_back(decision + "\n");
    lines.push_back(concat({"on ", printable(text_at(each, "listener")), " ", decision, "\n"}));
  }
  const bool all_alike =
      std::ranges::adjacent_find(decisions, std::not_equal_to<>()) == decisions.end();
  if (all_alike && !decisions.empty()) return decisions.front();
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::string client_text(const Json& client) {
  const auto line = [](std::string_view name, std::string_view value) {
    std::string text(name);
    text.append(text.size() < 14 ? 14 - text.size() : 1, ' ');
    return text + printable(value) + "\n";
  };
  const auto count = [&](const char* name) { return std::to_string(number_at(client, name)); };
  std::string text = line("Client", text_at(client, "client_id"));
  text += line("User", text_at(client, "user"));
  if (is_set(client, "connected")) {
    text +=
        line("Connected", concat({"from ", address_text(client), " for ", presence_text(client)}));
    text += line("Last packet", concat({duration_text(number_at(client, "silent_seconds")),
                                        " ago; keep alive ", count("keep_alive_seconds"), " s"}));
    text +=
        line("Messages", concat({rate_text(client, "received_per_second"), " a second from it, ",
                                 rate_text(client, "sent_per_second"), " to it"}));
  } else {
    text += line("Connected", "no");
  }
  text += line("Listener", text_at(client, "listener"));
  text += line("MQTT", text_at(client, "version") + (is_set(client, "bridge") ? ", a bridge" : ""));
  text += line("Session", expiry_text(client));
  text += line("In flight", concat({count("in_flight"), " to the client, ", count("incoming_qos_2"),
                                    " of QoS 2 from it"}));
  text += line("Waiting", concat({count("queued"), " messages, ", size_text(client, "queued_bytes"),
                                  "; in the socket ", size_text(client, "socket_bytes")}));
  if (const std::string blocking = text_at(client, "blocking_packet"); !blocking.empty()) {
    text += line("Behind", blocking);
  }
  text += line("Dropped", concat({count("dropped"), " messages"}));
  text += line("Subscriptions", count("subscriptions"));
  const auto list = client.find("subscription_list");
  if (list == client.end() || list->empty()) return text;
  Table table{"  FILTER", "QOS", "GROUP", "OPTIONS"};
  for (const Json& each : *list) {
    table.add({"  " + text_at(each, "filter"), std::to_string(number_at(each, "qos")),
               text_at(each, "share_name"), options_text(each)});
  }
  text += table.print();
  const auto shown = static_cast<std::int64_t>(list->size());
  const std::int64_t rest = number_at(client, "subscriptions") - shown;
  if (rest > 0) text += concat({"  and ", std::to_string(rest), " more\n"});
  return text;
}

}  // namespace ask
