#include "tools/darter-client/reason_text.h"

namespace shell {

std::string_view text_of(Status status) noexcept {
  switch (status) {
    case Status::success:
      return "No error";
    case Status::failed:
      return "Out of memory";
    case Status::protocol:
      return "A network protocol error occurred when communicating with the broker";
    case Status::invalid:
      return "Invalid input";
    case Status::refused:
      return "The connection was refused";
    case Status::lost:
      return "The connection was lost";
    case Status::payload_size:
      return "Payload too large";
    case Status::unsupported:
      return "This feature is not supported";
    case Status::keep_alive:
      return "Keepalive exceeded";
    case Status::qos_not_supported:
      return "Requested QoS not supported on server";
    case Status::oversize_packet:
      return "Packet larger than supported by the server";
    case Status::timeout:
      return "Timeout";
    case Status::interrupted_early:
      break;
  }
  return "Unknown error";
}

std::string_view connack_text(std::uint8_t return_code) noexcept {
  switch (return_code) {
    case 0:
      return "Connection Accepted.";
    case 1:
      return "Connection Refused: unacceptable protocol version.";
    case 2:
      return "Connection Refused: identifier rejected.";
    case 3:
      return "Connection Refused: broker unavailable.";
    case 4:
      return "Connection Refused: bad user name or password.";
    case 5:
      return "Connection Refused: not authorised.";
    default:
      return "Connection Refused: unknown reason.";
  }
}

}  // namespace shell
