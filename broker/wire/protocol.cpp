#include "broker/wire/protocol.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace mqtt {

std::string_view name_of(PacketType type) noexcept {
  static constexpr std::array<std::string_view, 16> names = {
      "RESERVED", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
      "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
      "PINGREQ",  "PINGRESP", "DISCONNECT", "AUTH",
  };
  return names[static_cast<std::size_t>(type) & 0x0FU];
}

std::string clauses_text(const Failure& failure, Version version) {
  std::string text;
  std::string_view rest = failure.clauses;
  while (!rest.empty()) {
    const std::string_view clause = rest.substr(0, rest.find(']') + 1);
    const bool is_of_v3 = clause.starts_with("[MQTT3-");
    if (is_of_v3 == (version != Version::v5_0)) {
      text += ' ';
      text += clause;
    }
    rest.remove_prefix(std::min(clause.size() + 1, rest.size()));
  }
  return text;
}

}  // namespace mqtt
