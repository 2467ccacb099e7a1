#include "broker/wire/reason_text.h"

#include <array>
#include <utility>

namespace mqtt {
namespace {

constexpr auto reason_names = std::to_array<std::pair<Reason, std::string_view>>({
    {Reason::success, "Success"},
    {Reason::granted_qos_1, "Granted QoS 1"},
    {Reason::granted_qos_2, "Granted QoS 2"},
    {Reason::disconnect_with_will_message, "Disconnect with Will Message"},
    {Reason::no_matching_subscribers, "No matching subscribers"},
    {Reason::no_subscription_existed, "No subscription existed"},
    {Reason::continue_authentication, "Continue authentication"},
    {Reason::re_authenticate, "Re-authenticate"},
    {Reason::unspecified_error, "Unspecified error"},
    {Reason::malformed_packet, "Malformed Packet"},
    {Reason::protocol_error, "Protocol Error"},
    {Reason::implementation_specific_error, "Implementation specific error"},
    {Reason::unsupported_protocol_version, "Unsupported Protocol Version"},
    {Reason::client_identifier_not_valid, "Client Identifier not valid"},
    {Reason::bad_user_name_or_password, "Bad User Name or Password"},
    {Reason::not_authorized, "Not authorized"},
    {Reason::server_unavailable, "Server unavailable"},
    {Reason::server_busy, "Server busy"},
    {Reason::banned, "Banned"},
    {Reason::server_shutting_down, "Server shutting down"},
    {Reason::bad_authentication_method, "Bad authentication method"},
    {Reason::keep_alive_timeout, "Keep Alive timeout"},
    {Reason::session_taken_over, "Session taken over"},
    {Reason::topic_filter_invalid, "Topic Filter invalid"},
    {Reason::topic_name_invalid, "Topic Name invalid"},
    {Reason::packet_identifier_in_use, "Packet Identifier in use"},
    {Reason::packet_identifier_not_found, "Packet Identifier not found"},
    {Reason::receive_maximum_exceeded, "Receive Maximum exceeded"},
    {Reason::topic_alias_invalid, "Topic Alias invalid"},
    {Reason::packet_too_large, "Packet too large"},
    {Reason::message_rate_too_high, "Message rate too high"},
    {Reason::quota_exceeded, "Quota exceeded"},
    {Reason::administrative_action, "Administrative action"},
    {Reason::payload_format_invalid, "Payload format invalid"},
    {Reason::retain_not_supported, "Retain not supported"},
    {Reason::qos_not_supported, "QoS not supported"},
    {Reason::use_another_server, "Use another server"},
    {Reason::server_moved, "Server moved"},
    {Reason::shared_subscriptions_not_supported, "Shared Subscriptions not supported"},
    {Reason::connection_rate_exceeded, "Connection rate exceeded"},
    {Reason::maximum_connect_time, "Maximum connect time"},
    {Reason::subscription_identifiers_not_supported, "Subscription identifiers not supported"},
    {Reason::wildcard_subscriptions_not_supported, "Wildcard Subscriptions not supported"},
});

}  // namespace

std::string_view text_of(Reason reason) noexcept {
  for (const auto& [known, name] : reason_names) {
    if (known == reason) return name;
  }
  return "Unknown reason";
}

}  // namespace mqtt
