#include "tools/darter-client/field.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>

#include "broker/wire/properties.h"
#include "tools/darter-client/json.h"
#include "tools/darter-client/property.h"

namespace shell {
namespace {

std::tm local_time(Stamp stamp) {
  std::tm result{};
  (void)localtime_r(&stamp.seconds, &result);
  return result;
}

/// "2020-05-06T21:48:00.123456+0100".
std::string time_8601(Stamp stamp) {
  return time_text(stamp, "%Y-%m-%dT%H:%M:%S.") + digits_of(stamp.nanoseconds / 1000, 6) +
         time_text(stamp, "%z");
}

/// Appends a value and fills its field up.
void print_filled(std::string_view value, const Field& field, char fill, std::string& out) {
  const auto width = static_cast<std::size_t>(field.width);
  const std::size_t missing = width > value.size() ? width - value.size() : 0;
  if (!field.left) out.append(missing, fill);
  out += value;
  if (field.left) out.append(missing, ' ');
}

void print_text(std::string_view value, const Field& field, std::string& out) {
  if (field.precision >= 0) value = value.substr(0, static_cast<std::size_t>(field.precision));
  print_filled(value, field, ' ', out);
}

void print_number(std::int64_t value, const Field& field, std::string& out) {
  print_filled(std::to_string(value), field, field.zeros ? '0' : ' ', out);
}

void print_blank(const Field& field, std::string& out) {
  out.append(static_cast<std::size_t>(field.width), field.zeros ? '0' : ' ');
}

void print_payload(std::string_view payload, const Field& field, std::string& out) {
  if (field.width > 0) payload = payload.substr(0, static_cast<std::size_t>(field.width));
  print_filled(payload, field, field.zeros ? '0' : ' ', out);
}

/// Hexadecimal digits, in groups of as many as the precision says.
class HexPrinter {
 public:
  HexPrinter(const Field& field, std::string& out) : field_(field), out_(out) {}

  void print(std::string_view payload) {
    const std::size_t width = static_cast<std::size_t>(field_.width);
    if (width > 0) payload = payload.substr(0, width);
    const std::size_t missing = width > payload.size() * 2 ? width - payload.size() * 2 : 0;
    for (std::size_t i = 0; !field_.left && i < missing; ++i) {
      put(field_.zeros ? '0' : ' ', false);
    }
    const char* const digits = field_.letter == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    for (std::size_t i = 0; i < payload.size(); ++i) {
      const auto byte = static_cast<unsigned char>(payload[i]);
      put(digits[byte >> 4U], false);
      put(digits[byte & 0xFU], i + 1 == payload.size());
    }
    if (field_.left) out_.append(missing, ' ');
  }

 private:
  void put(char digit, bool last) {
    out_ += digit;
    const int place = place_++;
    if (last || field_.precision <= 0) return;
    if (place % field_.precision == field_.precision - 1) {
      out_ += field_.separator == '\0' ? ' ' : field_.separator;
    }
  }

  const Field& field_;
  std::string& out_;
  int place_ = 0;
};

/// A payload that is a number in the machine's own form.
template <typename Number>
bool print_float(std::string_view payload, const Field& field, std::string& out) {
  if (payload.size() != sizeof(Number)) return false;
  std::array<char, sizeof(Number)> bytes{};
  payload.copy(bytes.data(), bytes.size());
  const auto value = static_cast<double>(std::bit_cast<Number>(bytes));
  std::string text(400 + static_cast<std::size_t>(std::max(field.precision, 0)), '\0');
  const int size = std::snprintf(text.data(), text.size(), "%.*f", field.precision, value);
  assert(size >= 0 && static_cast<std::size_t>(size) < text.size());
  text.resize(static_cast<std::size_t>(size));
  const bool negative = text.starts_with('-');
  if (field.zeros && !field.left && negative) {
    const std::size_t width = static_cast<std::size_t>(field.width);
    if (width > text.size()) text.insert(1, width - text.size(), '0');
  }
  print_filled(text, field, field.zeros ? '0' : ' ', out);
  return true;
}

/// The first property of that kind.
std::optional<mqtt::Property> find_property(const mqtt::Publish& message, mqtt::PropertyId id) {
  mqtt::Cursor cursor(message.properties);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (property.id == id) return property;
  }
  return std::nullopt;
}

void print_number_property(const mqtt::Publish& message, mqtt::PropertyId id, const Field& field,
                           std::string& out) {
  const auto property = find_property(message, id);
  if (!property) return print_blank(field, out);
  print_number(static_cast<std::int32_t>(property->number), field, out);
}

void print_user_properties(const mqtt::Publish& message, std::string& out) {
  bool first = true;
  mqtt::UserProperties(message.properties)
      .for_each([&](std::string_view name, std::string_view value) {
        if (!first) out += ' ';
        first = false;
        out.append(name).append(":").append(value);
      });
}

/// The properties of a message; those of users are objects with one member each.
Json json_of_properties(mqtt::Bytes block) {
  Json result = Json::object();
  std::optional<std::size_t> users;  // where they are in the result
  mqtt::Cursor cursor(block);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    const PropertyKind* kind = property_kind(property.id);
    if (kind == nullptr) continue;
    if (property.id == mqtt::PropertyId::user_property) {
      if (!users) {
        users = result.members.size();
        result.add("user-properties", Json::array());
      }
      Json pair = Json::object();
      pair.add(property.name, Json(property.text));
      result.members[*users].second.add("", std::move(pair));
    } else if (kind->type == PropertyType::text) {
      result.add(kind->name, Json(property.text));
    } else if (kind->type == PropertyType::binary) {
      result.add(kind->name, Json(mqtt::as_text(property.data)));
    } else {
      result.add(kind->name, Json(static_cast<double>(property.number)));
    }
  }
  return result;
}

/// Appends the message as JSON; `parsed`: its payload is JSON, too. False if that is not true.
bool print_json_message(const mqtt::Publish& message, Stamp stamp, bool parsed, bool pretty,
                        std::string& out) {
  Json root = Json::object();
  root.add("tst", Json(std::string_view(time_8601(stamp))));
  root.add("topic", Json(message.topic));
  root.add("qos", Json(static_cast<double>(std::to_underlying(message.qos))));
  root.add("retain", Json(message.retain));
  root.add("payloadlen", Json(static_cast<double>(message.payload.size())));
  if (message.qos != mqtt::Qos::at_most_once) {
    root.add("mid", Json(static_cast<double>(std::to_underlying(message.packet_id))));
  }
  if (!message.properties.empty()) {
    root.add("properties", json_of_properties(message.properties));
  }
  const std::string_view payload = mqtt::as_text(message.payload);
  if (payload.empty()) {
    root.add("payload", Json());
  } else if (!parsed) {
    root.add("payload", Json(payload));
  } else if (auto read = parse_json(payload)) {
    root.add("payload", std::move(*read));
  } else {
    return false;
  }
  out += print_json(root, pretty);
  return true;
}

/// A message on its way into a field.
struct Shown {
  const mqtt::Publish& message;
  Stamp stamp;
  const Field& field;
  bool pretty;
  std::string& out;

  [[nodiscard]] std::string_view payload() const { return mqtt::as_text(message.payload); }
};

using Printed = std::optional<std::string>;  // a fault

template <mqtt::PropertyId id>
Printed show_number_property(const Shown& shown) {
  print_number_property(shown.message, id, shown.field, shown.out);
  return std::nullopt;
}
template <mqtt::PropertyId id, bool blank>
Printed show_text_property(const Shown& shown) {
  if (const auto found = find_property(shown.message, id)) {
    print_text(found->text, shown.field, shown.out);
  } else if (blank) {
    print_blank(shown.field, shown.out);
  }
  return std::nullopt;
}
Printed show_correlation_data(const Shown& shown) {
  if (const auto found = find_property(shown.message, mqtt::PropertyId::correlation_data)) {
    shown.out += mqtt::as_text(found->data);
  }
  return std::nullopt;
}
Printed show_user_properties(const Shown& shown) {
  print_user_properties(shown.message, shown.out);
  return std::nullopt;
}
Printed show_percent(const Shown& shown) {
  shown.out += '%';
  return std::nullopt;
}
Printed show_time(const Shown& shown) {
  print_text(time_text(shown.stamp, "%FT%T%z"), shown.field, shown.out);
  return std::nullopt;
}
Printed show_unix_time(const Shown& shown) {
  shown.out += time_text(shown.stamp, "%s") + "." + digits_of(shown.stamp.nanoseconds, 9);
  return std::nullopt;
}
Printed show_json(const Shown& shown) {
  (void)print_json_message(shown.message, shown.stamp, false, shown.pretty, shown.out);
  return std::nullopt;
}
Printed show_parsed_json(const Shown& shown) {
  if (print_json_message(shown.message, shown.stamp, true, shown.pretty, shown.out)) {
    return std::nullopt;
  }
  return "Error: Message payload is not valid JSON on topic " + std::string(shown.message.topic) +
         ".\n";
}
Printed show_length(const Shown& shown) {
  print_number(static_cast<std::int64_t>(shown.payload().size()), shown.field, shown.out);
  return std::nullopt;
}
Printed show_packet_id(const Shown& shown) {
  print_number(std::to_underlying(shown.message.packet_id), shown.field, shown.out);
  return std::nullopt;
}
Printed show_payload(const Shown& shown) {
  print_payload(shown.payload(), shown.field, shown.out);
  return std::nullopt;
}
Printed show_hex(const Shown& shown) {
  HexPrinter(shown.field, shown.out).print(shown.payload());
  return std::nullopt;
}
Printed show_qos(const Shown& shown) {
  shown.out += static_cast<char>('0' + std::to_underlying(shown.message.qos));
  return std::nullopt;
}
Printed show_retain(const Shown& shown) {
  shown.out += shown.message.retain ? '1' : '0';
  return std::nullopt;
}
Printed show_topic(const Shown& shown) {
  print_text(shown.message.topic, shown.field, shown.out);
  return std::nullopt;
}
Printed show_float(const Shown& shown) {
  if (print_float<float>(shown.payload(), shown.field, shown.out)) return std::nullopt;
  return "requested float printing, but non-float data received";
}
Printed show_double(const Shown& shown) {
  if (print_float<double>(shown.payload(), shown.field, shown.out)) return std::nullopt;
  return "requested double printing, but non-double data received";
}

/// The letters of -F.
struct Letter {
  char letter;
  Printed (*show)(const Shown& shown);
};
using Id = mqtt::PropertyId;
constexpr auto letters = std::to_array<Letter>({
    {'%', show_percent},
    {'A', show_number_property<Id::topic_alias>},
    {'C', show_text_property<Id::content_type, true>},
    {'D', show_correlation_data},
    {'E', show_number_property<Id::message_expiry_interval>},
    {'F', show_number_property<Id::payload_format_indicator>},
    {'I', show_time},
    {'J', show_parsed_json},
    {'P', show_user_properties},
    {'R', show_text_property<Id::response_topic, false>},
    {'S', show_number_property<Id::subscription_identifier>},
    {'U', show_unix_time},
    {'X', show_hex},
    {'d', show_double},
    {'f', show_float},
    {'j', show_json},
    {'l', show_length},
    {'m', show_packet_id},
    {'p', show_payload},
    {'q', show_qos},
    {'r', show_retain},
    {'t', show_topic},
    {'x', show_hex},
});

}  // namespace

bool is_field_letter(char letter) noexcept {
  return std::ranges::find(letters, letter, &Letter::letter) != letters.end();
}

std::optional<std::string> print_field(const mqtt::Publish& message, Stamp stamp,
                                       const Field& field, bool pretty, std::string& out) {
  const auto found = std::ranges::find(letters, field.letter, &Letter::letter);
  assert(found != letters.end());
  return found->show({message, stamp, field, pretty, out});
}

std::string time_text(Stamp stamp, const char* format) {
  const std::tm local = local_time(stamp);
  std::array<char, 100> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &local)};
}

std::string digits_of(long number, int count) {
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%0*ld", count, number);
  return text.data();
}

}  // namespace shell
