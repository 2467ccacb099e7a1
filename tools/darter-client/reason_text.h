#pragma once

#include <cstdint>
#include <string_view>

namespace shell {

/// Exit statuses of Mosquitto's tools: the numbers of libmosquitto's errors. From 128 on a status
/// is a reason code of MQTT 5.0; a refusal before 5.0 is the return code of CONNACK, 1 to 5.
enum class Status : std::uint8_t {
  success = 0,
  failed = 1,  ///< options, files, and connections that did not come about
  protocol = 2,
  invalid = 3,
  refused = 5,
  lost = 7,
  payload_size = 9,
  unsupported = 10,
  keep_alive = 19,
  qos_not_supported = 24,
  oversize_packet = 25,
  timeout = 27,
  interrupted_early = 255,  ///< by a signal before CONNACK
};

/// The sentence of Mosquitto's tools for a status.
[[nodiscard]] std::string_view text_of(Status status) noexcept;

/// The sentence for a return code of CONNACK before 5.0.
[[nodiscard]] std::string_view connack_text(std::uint8_t return_code) noexcept;

}  // namespace shell
