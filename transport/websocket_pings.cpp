#include "transport/websocket_pings.h"

namespace transport {

void WebSocketPings::watch(Connection& connection, broker::Instant now) {
  const std::int64_t interval_seconds =
      connection.listener->options().websockets_ping_interval_seconds;
  if (connection.websocket == nullptr || interval_seconds == 0) return;
  heard(connection, now);
  deadlines_[interval_seconds].push(connection.id, after_seconds(now, interval_seconds));
}

}  // namespace transport
