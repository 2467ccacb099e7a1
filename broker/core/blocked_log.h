// broker/core/blocked_log.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/core/metrics.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"

namespace broker {

/// "packet 7 (QoS 1, topic 't') is not acknowledged": the oldest message that a connected client
/// was sent, if others wait behind it; else "".
[[nodiscard]] std::string blocking_packet_text(const Session& session);

/// Tells of clients that messages wait for although their sockets take more: the window is full,
/// and its oldest message is not acknowledged.
///
/// Shape      A session is listed when a message has to wait for its window, and looked at every
///            ten seconds. A client that has not acknowledged the same packet for a minute is
///            counted (Metrics::clients_blocked), and named in one line for each such packet; so
///            many lines for each look, over all clients.
/// Threads    None.
class BlockedLog {
 public:
  BlockedLog(Metrics& metrics, Log& log) : metrics_(metrics), log_(log) {}

  /// A message has to wait because the session's window is full.
  void note(Session& session, Instant now) {
    if (!session.outgoing->window_watched) list(session, now);
  }
  /// To be called every second or so. Sessions may have ended since.
  void tell(SessionTable& sessions, Instant now);

 private:
  struct Listed {
    SessionIndex index;
    std::uint64_t number;
    mqtt::PacketId oldest{0};
    Instant since;  // it has been the oldest
    bool told = false;
  };

  void list(Session& session, Instant now);
  /// Returns whether it is to be looked at again.
  bool look_at(Session& session, Listed& listed, Instant now);

  Metrics& metrics_;
  Log& log_;
  std::vector<Listed> listed_;
  std::size_t lines_ = 0;  // of this look
  Instant next_;
};

}  // namespace broker
