// broker/disconnects.h
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "broker/client_log.h"
#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/sender.h"
#include "broker/next.h"
#include "broker/pressure.h"
#include "broker/replies.h"
#include "broker/session_life.h"
#include "broker/wire/reason.h"

namespace broker {

/// The ends of connections, by the wish of the shard or not.
///
/// Shape      fail() ----> dismiss(): DISCONNECT -> end() -> detach(): the connection is gone
///            end_overrun() --^                          -> SessionLife: its session goes on alone
/// Invariant  A connection that is given to one of these methods must not be used afterwards.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Sections 3.14 and 4.13.
class Disconnects final {
 public:
  Disconnects(ConnectionTable& connections, Outbox& outbox, Metrics& metrics, Sender& sender,
              Pressure& pressure, SessionLife& life, ClientLog& log, Replies& replies)
      : connections_(connections),
        outbox_(outbox),
        metrics_(metrics),
        sender_(sender),
        pressure_(pressure),
        life_(life),
        log_(log),
        replies_(replies) {}

  /// Takes a connection off: its session goes on alone or ends. `close` asks the loop to close it.
  /// `why` goes along where the transport can say it.
  void end(Connection& connection, WillFate fate, std::optional<CloseHow> close,
           std::string_view why = {});
  /// The first half of that.
  ///
  /// Returns   The session, which has no connection any more; null if it had none.
  Session* detach(Connection& connection, std::optional<CloseHow> close, std::string_view why = {});

  /// Ends a connection by the wish of the shard: DISCONNECT names the reason where the version has
  /// it and the client was let in, and the will is published.
  void dismiss(Connection& connection, mqtt::Reason reason, std::string_view why);
  /// Ends a connection that broke the protocol [MQTT-4.13.1-1] [MQTT3-4.8.0-1].
  ///
  /// Returns   Next::stop.
  Next fail(Connection& connection, const mqtt::Failure& failure);
  /// The same for a packet of a size that exceeds max_packet_size.
  Next fail_too_large(Connection& connection, std::size_t size_bytes);
  /// Ends connections after their queue was full, if their listeners want it.
  void end_overrun();
  /// The line about a client that is gone, if such lines are read; `how` is the end of it.
  void note_closed(const Connection& connection, const LogFields& fields, std::string_view how);

 private:
  /// Tells traces which rule a packet breaks.
  void tell_refusal(const Connection& connection, const mqtt::Failure& failure) const;
  void count_gone(const Connection& connection);

  ConnectionTable& connections_;
  Outbox& outbox_;
  Metrics& metrics_;
  Sender& sender_;
  Pressure& pressure_;
  SessionLife& life_;
  ClientLog& log_;
  Replies& replies_;
};

}  // namespace broker
