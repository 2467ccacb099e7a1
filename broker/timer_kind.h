// broker/timer_kind.h
#pragma once

#include <cstdint>
#include <memory>

#include "broker/core/session.h"

namespace broker {

/// The purpose of a timer of a shard, and the type of its owner.
enum TimerKind : std::uint8_t {
  connection_timer,      ///< time until CONNECT, keep alive; of a Connection
  session_expiry_timer,  ///< of a Session, as the next one
  will_delay_timer,
  publish_timer,  ///< end of a pause for the rate of publishes; of a Connection
};

/// The part of a session that exists while its client is away; made if it is not there.
inline Away& away_part(Session& session) {
  if (!session.away) {
    session.away = std::make_unique<Away>(session_expiry_timer, will_delay_timer, &session);
  }
  return *session.away;
}

}  // namespace broker
