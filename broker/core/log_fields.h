// broker/core/log_fields.h
#pragma once

#include <optional>
#include <string_view>

#include "broker/core/connection.h"
#include "broker/core/log.h"
#include "broker/core/session.h"
#include "broker/wire/connect.h"
#include "broker/wire/reason.h"

namespace broker {

// Fields of log lines about clients.
//
// Lifetime   They point into the arguments.
// Threads    Any.

/// Of a client, as far as it is known yet.
[[nodiscard]] LogFields fields_of(Event event, const Connection& connection,
                                  std::optional<mqtt::Reason> reason = std::nullopt) noexcept;

/// Of a session; without port and listener while its client is away.
[[nodiscard]] LogFields fields_of(Event event, const Session& session,
                                  std::optional<mqtt::Reason> reason = std::nullopt) noexcept;

/// Of a client before its CONNECT is accepted.
///
/// Requires  `client_id` is the one that the CONNECT results in; empty: it has none.
[[nodiscard]] LogFields applicant_fields(
    Event event, const Connection& connection, std::string_view client_id,
    const mqtt::Connect& packet, std::optional<mqtt::Reason> reason = std::nullopt) noexcept;

}  // namespace broker
