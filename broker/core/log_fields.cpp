#include "broker/core/log_fields.h"

namespace broker {
namespace {

std::optional<std::uint8_t> code_of(std::optional<mqtt::Reason> reason) noexcept {
  if (!reason) return std::nullopt;
  return static_cast<std::uint8_t>(*reason);
}

}  // namespace

LogFields fields_of(Event event, const Connection& connection,
                    std::optional<mqtt::Reason> reason) noexcept {
  LogFields fields{.event = event,
                   .address = connection.address,
                   .port = connection.client_port,
                   .listener = connection.listener,
                   .reason_code = code_of(reason)};
  if (connection.session != nullptr) {
    fields.client_id = connection.session->client_id;
    fields.user_name = connection.session->user_name;
  }
  return fields;
}

LogFields fields_of(Event event, const Session& session,
                    std::optional<mqtt::Reason> reason) noexcept {
  if (session.connection != nullptr) return fields_of(event, *session.connection, reason);
  return {.event = event,
          .client_id = session.client_id,
          .user_name = session.user_name,
          .address = identity_of(session).address,
          .reason_code = code_of(reason)};
}

LogFields applicant_fields(Event event, const Connection& connection, std::string_view client_id,
                           const mqtt::Connect& packet,
                           std::optional<mqtt::Reason> reason) noexcept {
  LogFields fields = fields_of(event, connection, reason);
  fields.client_id = client_id;
  fields.user_name = packet.user_name.value_or(std::string_view());
  return fields;
}

}  // namespace broker
