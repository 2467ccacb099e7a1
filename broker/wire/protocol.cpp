#include "broker/wire/protocol.h"

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

}  // namespace mqtt
