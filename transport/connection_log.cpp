#include "transport/connection_log.h"

#include <string>

namespace transport {

namespace {

using broker::LogType;

/// Between two lines about header fields of a trusted proxy.
constexpr std::int64_t forwarded_line_milliseconds = 10'000;

/// Of a line about a connection that a limit refused or closed.
broker::Event event_of(broker::Refusal refusal) noexcept {
  switch (refusal) {
    case broker::Refusal::banned:
      return broker::Event::banned_address_refused;
    case broker::Refusal::handshake_timeout:
      return broker::Event::handshake_timeout;
    case broker::Refusal::tls_handshake:
      return broker::Event::tls_handshake_failed;
    case broker::Refusal::publish_rate:
    case broker::Refusal::publish_bytes_rate:
      return broker::Event::publish_rate_exceeded;
    case broker::Refusal::publish_delayed:
      return broker::Event::publish_delayed;
    default:
      return broker::Event::connection_refused;
  }
}

std::string_view describe(Forwarded::Kind kind) noexcept {
  switch (kind) {
    case Forwarded::Kind::malformed:
      return "does not name an address";
    case Forwarded::Kind::too_long:
      return "names more than 32 trusted proxies";
    case Forwarded::Kind::hidden:
      return "hides the client";
    case Forwarded::Kind::absent:
    case Forwarded::Kind::known:
    case Forwarded::Kind::disputed:
      break;
  }
  return "names the client";
}

// The texts of an address live in the caller.
broker::LogFields fields_of(broker::Event event, const Connection& connection,
                            std::string_view address) {
  broker::LogFields fields{.event = event, .address = address, .port = connection.address.port()};
  if (connection.listener != nullptr) fields.listener = connection.listener->options().index;
  return fields;
}

}  // namespace

// TLS handshakes fail for reasons that their lines tell apart.
ConnectionLog::RefusalLines::RefusalLines() {
  constexpr std::uint32_t tls_lines_per_second = 20;
  at(static_cast<std::size_t>(broker::Refusal::tls_handshake)) =
      broker::LineRate(tls_lines_per_second);
}

void ConnectionLog::note(const Connection& connection, broker::Event event, std::string_view before,
                         std::string_view after, broker::Instant now,
                         const std::source_location& place) {
  trace(connection, before, after);
  write(connection, event, before, after, now, place);
}

void ConnectionLog::trace(const Connection& connection, std::string_view before,
                          std::string_view after) {
  if (tracer_ == nullptr || connection.trace == nullptr) return;
  tracer_->note(connection,
                std::string(before) + connection.address.text_with_port() + std::string(after));
}

void ConnectionLog::write(const Connection& connection, broker::Event event,
                          std::string_view before, std::string_view after, broker::Instant now,
                          const std::source_location& place) {
  if (!log_.enabled(LogType::notice)) return;
  const std::string address = connection.address.text();
  line_rates_.write(log_, LogType::notice, fields_of(event, connection, address),
                    {before, connection.address.text_with_port(), after}, now, place);
}

void ConnectionLog::refused(const Connection& connection, broker::Refusal refusal,
                            std::string_view before, std::string_view after, broker::Instant now,
                            const std::source_location& place) {
  trace(connection, before, after);
  if (!refusal_lines_[static_cast<std::size_t>(refusal)].admit(now)) return;
  write(connection, event_of(refusal), before, after, now, place);
}

void ConnectionLog::defects(const Connection& connection, std::string_view defects,
                            broker::Instant now) {
  const auto held_back = defect_lines_.admit(now);
  if (!held_back) return;
  std::string line = "Warning: The WebSocket request from " + connection.address.text_with_port() +
                     " on " + connection.listener->name() + " is accepted with defects: ";
  line += defects;
  line += ".";
  if (*held_back > 0) line += " So were " + std::to_string(*held_back) + " more.";
  const std::string address = connection.address.text();
  log_.write_event(LogType::warning,
                   fields_of(broker::Event::websocket_request_defect, connection, address), line);
}

void ConnectionLog::banned(const AddressKey& key, const LoginBounds& bounds, broker::Instant now) {
  const auto held_back = ban_lines_.admit(now);
  if (!held_back) return;
  const std::string address = key.prefix.text();
  std::string line = "Address " + address + " is banned for " + std::to_string(bounds.ban_seconds) +
                     " seconds: " + std::to_string(bounds.failures_max) + " failed logins within " +
                     std::to_string(bounds.time_seconds) + " seconds.";
  if (*held_back > 0) line += " And " + std::to_string(*held_back) + " more.";
  log_.write_event(LogType::warning, {.event = broker::Event::address_banned, .address = address},
                   line);
}

void ConnectionLog::bad_forwarded(const Connection& connection, const Forwarded& forwarded,
                                  broker::Instant now, const std::source_location& place) {
  if (now < next_forwarded_line_) return;
  next_forwarded_line_ = broker::after_milliseconds(now, forwarded_line_milliseconds);
  if (forwarded.kind == Forwarded::Kind::disputed) {
    return note(connection, broker::Event::forwarded_header_invalid, "Proxy ",
                " sent header fields '" + std::string(forwarded.field) + "' and '" +
                    std::string(forwarded.other) +
                    "' that name different clients: the client counts as the proxy itself. "
                    "'real_ip_header' says which of them the proxy writes.",
                now, place);
  }
  note(connection, broker::Event::forwarded_header_invalid, "Proxy ",
       " sent a header field '" + std::string(forwarded.field) + "' that " +
           std::string(describe(forwarded.kind)) + ": the client counts as the proxy itself.",
       now, place);
}

void ConnectionLog::stranger(const Connection& connection, std::string_view field) {
  const std::string address = connection.address.text();
  log_.write_event(
      LogType::warning, fields_of(broker::Event::forwarded_header_untrusted, connection, address),
      "Warning: " + address + " sent a header field '" + std::string(field) + "' to " +
          connection.listener->name() +
          " and is not among the 'trusted_proxies': it counts as the client. If it is a "
          "proxy, limits and bans hit all clients behind it together.");
}

void ConnectionLog::ended(const Connection& connection, broker::Instant now) {
  const auto seconds = proxy_cuts_.ended(connection.opened, now);
  if (!seconds) return;
  log_.write_event(
      LogType::warning,
      {.event = broker::Event::proxy_cuts_connections,
       .listener = connection.listener->options().index},
      "Warning: Connections through the proxy on " + connection.listener->name() + " end after " +
          std::to_string(*seconds) +
          " seconds, one after the other: it may cut those that are silent for so long "
          "(nginx: proxy_read_timeout). A longer time there, a shorter keep alive of "
          "clients or websockets_ping_interval helps.");
}

void ConnectionLog::tell_held_back(broker::Instant now) {
  line_rates_.tell_held_back(log_, now);
  for (std::size_t i = 0; i < refusal_lines_.size(); ++i) {
    const std::uint64_t count = refusal_lines_[i].overdue(now);
    if (count == 0) continue;
    log_.write_event(LogType::notice, {.event = broker::Event::lines_held_back},
                     std::to_string(count) + " more connections were refused or closed: " +
                         std::string(broker::refusal_names[i]) + ".");
  }
}

}  // namespace transport
