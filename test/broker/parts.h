#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/client_log.h"
#include "broker/commits.h"
#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/homes.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/disconnects.h"
#include "broker/distribution.h"
#include "broker/forwards.h"
#include "broker/pressure.h"
#include "broker/reading.h"
#include "broker/replies.h"
#include "broker/session_life.h"
#include "broker/shard.h"
#include "broker/shared_subscriptions.h"
#include "broker/subscriptions.h"
#include "broker/timer_kind.h"
#include "broker/turn.h"
#include "test/broker/fixture.h"

namespace test {

/// Parts of the first shard of a process, put together as a shard does it, for tests of one of
/// them.
struct Parts {
  static broker::ShardOptions options_of(broker::Durability durability, std::uint32_t shards) {
    broker::ShardOptions options;
    options.durability = durability;
    options.shards = shards;
    options.listeners.resize(1);
    return options;
  }
  explicit Parts(broker::Durability durability = broker::Durability::commit,
                 std::uint32_t shards = 1)
      : options(options_of(durability, shards)) {}

  broker::ShardOptions options;
  broker::Commons commons{options.shards};
  MemoryLog lines;
  broker::Limits& limits = options.limits;
  broker::Metrics metrics;
  broker::Homes homes{options.home_key, options.shards};
  broker::Outbox outbox;
  broker::PeerOutbox peers{options.shards};
  broker::TimerWheel timers;
  broker::SessionTable sessions{options.home_key};
  broker::ConnectionTable connections{metrics};
  broker::Router router{limits, sessions};
  broker::Ledger ledger{options.durability, options.index, options.shards};
  broker::Holdings holdings{outbox, options.shards};
  broker::Forwards forwards{options, ledger, holdings, peers};
  broker::Commits commits{ledger, holdings, forwards, peers};
  broker::DropLog drops{metrics, lines};
  broker::BlockedLog blocked{metrics, lines};
  broker::DenialLog denials{metrics, lines};
  broker::Sender sender{limits, options.listeners, outbox,  ledger, holdings, metrics,
                        drops,  blocked,           denials, lines};
  broker::SharedSubscriptions groups{options, homes,    commons.interest, sessions, router,
                                     peers,   forwards, sender,           denials};
  broker::Retained retained;
  broker::PeerLinks links{metrics};
  broker::Pressure pressure{limits, ledger, holdings, commons.memory, sender, links};
  broker::Turn turn{outbox, pressure};
  broker::Distribution distribution{
      options, homes,  commons.interest, outbox,  peers, router,   ledger, forwards,
      sender,  groups, retained,         denials, links, pressure, turn};
  broker::ClientLog log{limits, lines, turn};
  broker::Replies replies{holdings, metrics, log};
  broker::Subscriptions subscriptions{options, commons.interest, router,   ledger, groups, retained,
                                      sender,  denials,          pressure, turn,   log,    replies};
  broker::SessionLife life{timers,        sessions,     commons.counts, ledger, forwards, groups,
                           subscriptions, distribution, metrics,        turn,   log};
  broker::Reading reading{options.listeners, pressure, timers, outbox, broker::publish_timer};
  broker::Disconnects disconnects{connections, outbox, metrics, sender,
                                  pressure,    life,   log,     replies};
};

/// A client that is connected, and its session.
struct ConnectedClient {
  ConnectedClient(Parts& parts, std::uint32_t slot, mqtt::Version version,
                  std::string_view client_id = "c")
      : session(parts.sessions.create(client_id)),
        connection(parts.connections.open({slot, 1}, broker::connection_timer, parts.turn.now())) {
    session.connection = &connection;
    session.version = version;
    connection.session = &session;
    connection.version = version;
    connection.stage = broker::Connection::Stage::connected;
    ++parts.metrics.clients_connected;
  }
  ConnectedClient(const ConnectedClient&) = delete;
  ConnectedClient& operator=(const ConnectedClient&) = delete;

  /// Packets that the outbox has for the client.
  [[nodiscard]] std::vector<std::string> output(Parts& parts) const {
    return describe(mqtt::as_text(parts.outbox.output(connection.id).bytes.view()),
                    connection.version);
  }

  broker::Session& session;
  broker::Connection& connection;
};

}  // namespace test
