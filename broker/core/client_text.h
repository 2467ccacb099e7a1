// broker/core/client_text.h
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/session.h"
#include "broker/wire/connect.h"
#include "broker/wire/framer.h"

namespace broker {

// Log lines about clients and their packets.
//
// Shape      Pure functions; each text that a client made is cut as cut() says. The words of the
//            lines are Mosquitto's where it has such a line: filters of log collectors look for
//            them.
// Threads    Any.

/// The client identifier; "<unknown>" before CONNECT is accepted. Not cut.
[[nodiscard]] std::string_view client_id_text(const Connection& connection) noexcept;

/// "ADDRESS:PORT"; without the port if there is none, as on a unix socket.
[[nodiscard]] std::string client_address_text(const Connection& connection);

/// "ID [ADDRESS:PORT]".
[[nodiscard]] std::string describe_client(const Connection& connection);

/// "ID [ADDRESS:PORT] with user 'USER'"; without the user if there is none.
[[nodiscard]] std::string describe_client_with_user(const Connection& connection);

/// The same for a client before its CONNECT is accepted.
///
/// Requires  `client_id` is the one that the CONNECT results in; empty: it has none.
[[nodiscard]] std::string describe_applicant(const Connection& connection,
                                             std::string_view client_id,
                                             const mqtt::Connect& packet);

/// "3.1.1", as a reader of the specification writes it.
[[nodiscard]] std::string_view version_text(mqtt::Version version) noexcept;

/// A client is connected.
///
/// Requires  `connection` has a session.
[[nodiscard]] std::string connected_line(const Connection& connection, const mqtt::Connect& packet);

/// The will of a CONNECT, or that there is none: one line or two.
[[nodiscard]] std::vector<std::string> will_lines(const mqtt::Connect& packet);

/// A whole packet that is sent, PUBLISH and PUBREL aside.
///
/// Returns   Nothing if `packet` is no whole packet.
[[nodiscard]] std::string sent_line(const Connection& connection, mqtt::Bytes packet);

/// A packet that has come.
///
/// Returns   Nothing for CONNECT and PUBLISH, which have lines of their own.
[[nodiscard]] std::string received_line(const Connection& connection, const mqtt::Frame& frame);

}  // namespace broker
