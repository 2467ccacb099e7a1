#include "transport/connection_log.h"

#include <string>

namespace transport {

namespace {

using broker::LogType;

/// Between two lines about header fields of a trusted proxy.
constexpr std::int64_t forwarded_line_milliseconds = 10'000;

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

}  // namespace

// TLS handshakes fail for reasons that their lines tell apart.
ConnectionLog::RefusalLines::RefusalLines() {
  constexpr std::uint32_t tls_lines_per_second = 20;
  at(static_cast<std::size_t>(broker::Refusal::tls_handshake)) =
      broker::LineRate(tls_lines_per_second);
}

void ConnectionLog::note(const Connection& connection, std::string_view before,
                         std::string_view after, broker::Instant now,
                         const std::source_location& place) {
  line_rates_.write(log_, LogType::notice, {before, connection.address.text_with_port(), after},
                    now, place);
}

void ConnectionLog::refused(const Connection& connection, broker::Refusal refusal,
                            std::string_view before, std::string_view after, broker::Instant now,
                            const std::source_location& place) {
  if (!refusal_lines_[static_cast<std::size_t>(refusal)].admit(now)) return;
  note(connection, before, after, now, place);
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
  log_.write(LogType::warning, line);
}

void ConnectionLog::banned(const AddressKey& key, const LoginBounds& bounds, broker::Instant now) {
  const auto held_back = ban_lines_.admit(now);
  if (!held_back) return;
  std::string line = "Address " + key.prefix.text() + " is banned for " +
                     std::to_string(bounds.ban_seconds) +
                     " seconds: " + std::to_string(bounds.failures_max) + " failed logins within " +
                     std::to_string(bounds.time_seconds) + " seconds.";
  if (*held_back > 0) line += " And " + std::to_string(*held_back) + " more.";
  log_.write(LogType::warning, line);
}

void ConnectionLog::bad_forwarded(const Connection& connection, const Forwarded& forwarded,
                                  broker::Instant now, const std::source_location& place) {
  if (now < next_forwarded_line_) return;
  next_forwarded_line_ = broker::after_milliseconds(now, forwarded_line_milliseconds);
  if (forwarded.kind == Forwarded::Kind::disputed) {
    return note(connection, "Proxy ",
                " sent header fields '" + std::string(forwarded.field) + "' and '" +
                    std::string(forwarded.other) +
                    "' that name different clients: the client counts as the proxy itself. "
                    "'real_ip_header' says which of them the proxy writes.",
                now, place);
  }
  note(connection, "Proxy ",
       " sent a header field '" + std::string(forwarded.field) + "' that " +
           std::string(describe(forwarded.kind)) + ": the client counts as the proxy itself.",
       now, place);
}

void ConnectionLog::stranger(const Connection& connection, std::string_view field) {
  log_.write(LogType::warning,
             "Warning: " + connection.address.text() + " sent a header field '" +
                 std::string(field) + "' to " + connection.listener->name() +
                 " and is not among the 'trusted_proxies': it counts as the client. If it is a "
                 "proxy, limits and bans hit all clients behind it together.");
}

void ConnectionLog::ended(const Connection& connection, broker::Instant now) {
  const auto seconds = proxy_cuts_.ended(connection.opened, now);
  if (!seconds) return;
  log_.write(LogType::warning,
             "Warning: Connections through the proxy on " + connection.listener->name() +
                 " end after " + std::to_string(*seconds) +
                 " seconds, one after the other: it may cut those that are silent for so long "
                 "(nginx: proxy_read_timeout). A longer time there, a shorter keep alive of "
                 "clients or websockets_ping_interval helps.");
}

void ConnectionLog::tell_held_back(broker::Instant now) {
  line_rates_.tell_held_back(log_, now);
  for (std::size_t i = 0; i < refusal_lines_.size(); ++i) {
    const std::uint64_t count = refusal_lines_[i].overdue(now);
    if (count == 0) continue;
    log_.write(LogType::notice, std::to_string(count) +
                                    " more connections were refused or closed: " +
                                    std::string(broker::refusal_names[i]) + ".");
  }
}

}  // namespace transport
