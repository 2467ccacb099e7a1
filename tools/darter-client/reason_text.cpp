#include "tools/darter-client/reason_text.h"

#include <array>
#include <utility>

namespace shell {
namespace {

constexpr auto reason_names = std::to_array<std::pair<mqtt::Reason, std::string_view>>({
    {mqtt::Reason::success, "Success"},
    {mqtt::Reason::granted_qos_1, "Granted QoS 1"},
    {mqtt::Reason::granted_qos_2, "Granted QoS 2"},
    {mqtt::Reason::disconnect_with_will_message, "Disconnect with Will Message"},
    {mqtt::Reason::no_matching_subscribers, "No matching subscribers"},
    {mqtt::Reason::no_subscription_existed, "No subscription existed"},
    {mqtt::Reason::continue_authentication, "Continue authentication"},
    {mqtt::Reason::re_authenticate, "Re-authenticate"},
    {mqtt::Reason::unspecified_error, "Unspecified error"},
    {mqtt::Reason::malformed_packet, "Malformed Packet"},
    {mqtt::Reason::protocol_error, "Protocol Error"},
    {mqtt::Reason::implementation_specific_error, "Implementation specific error"},
    {mqtt::Reason::unsupported_protocol_version, "Unsupported Protocol Version"},
    {mqtt::Reason::client_identifier_not_valid, "Client Identifier not valid"},
    {mqtt::Reason::bad_user_name_or_password, "Bad User Name or Password"},
    {mqtt::Reason::not_authorized, "Not authorized"},
    {mqtt::Reason::server_unavailable, "Server unavailable"},
    {mqtt::Reason::server_busy, "Server busy"},
    {mqtt::Reason::banned, "Banned"},
    {mqtt::Reason::server_shutting_down, "Server shutting down"},
    {mqtt::Reason::bad_authentication_method, "Bad authentication method"},
    {mqtt::Reason::keep_alive_timeout, "Keep Alive timeout"},
    {mqtt::Reason::session_taken_over, "Session taken over"},
    {mqtt::Reason::topic_filter_invalid, "Topic Filter invalid"},
    {mqtt::Reason::topic_name_invalid, "Topic Name invalid"},
    {mqtt::Reason::packet_identifier_in_use, "Packet Identifier in use"},
    {mqtt::Reason::packet_identifier_not_found, "Packet Identifier not found"},
    {mqtt::Reason::receive_maximum_exceeded, "Receive Maximum exceeded"},
    {mqtt::Reason::topic_alias_invalid, "Topic Alias invalid"},
    {mqtt::Reason::packet_too_large, "Packet too large"},
    {mqtt::Reason::message_rate_too_high, "Message rate too high"},
    {mqtt::Reason::quota_exceeded, "Quota exceeded"},
    {mqtt::Reason::administrative_action, "Administrative action"},
    {mqtt::Reason::payload_format_invalid, "Payload format invalid"},
    {mqtt::Reason::retain_not_supported, "Retain not supported"},
    {mqtt::Reason::qos_not_supported, "QoS not supported"},
    {mqtt::Reason::use_another_server, "Use another server"},
    {mqtt::Reason::server_moved, "Server moved"},
    {mqtt::Reason::shared_subscriptions_not_supported, "Shared Subscriptions not supported"},
    {mqtt::Reason::connection_rate_exceeded, "Connection rate exceeded"},
    {mqtt::Reason::maximum_connect_time, "Maximum connect time"},
    {mqtt::Reason::subscription_identifiers_not_supported,
     "Subscription identifiers not supported"},
    {mqtt::Reason::wildcard_subscriptions_not_supported, "Wildcard Subscriptions not supported"},
});

}  // namespace

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

std::string_view text_of(mqtt::Reason reason) noexcept {
  for (const auto& [known, name] : reason_names) {
    if (known == reason) return name;
  }
  return "Unknown reason";
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
