#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/connect_rules.h"
#include "broker/core/connection.h"
#include "broker/core/session.h"
#include "broker/delivery_path.h"
#include "broker/disconnects.h"
#include "broker/reading.h"
#include "broker/session_life.h"
#include "broker/session_start.h"
#include "broker/shard.h"
#include "broker/subscriptions.h"
#include "broker/tables.h"
#include "broker/time_limits.h"
#include "broker/timer_kind.h"
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
      : commons(shards), tables(options_of(durability, shards), commons) {}

  broker::Commons commons;
  MemoryLog lines;
  broker::Tables tables;
  broker::DeliveryPath path{tables, lines};

  // Their members by short names.
  broker::ShardOptions& options = tables.options;
  broker::Limits& limits = options.limits;
  broker::Metrics& metrics = tables.metrics;
  broker::Homes& homes = tables.homes;
  broker::Outbox& outbox = tables.outbox;
  broker::PeerOutbox& peers = tables.peers;
  broker::TimerWheel& timers = tables.timers;
  broker::SessionTable& sessions = tables.sessions;
  broker::ConnectionTable& connections = tables.connections;
  broker::Router& router = tables.router;
  broker::Ledger& ledger = tables.ledger;
  broker::Holdings& holdings = tables.holdings;
  broker::Retained& retained = tables.retained;
  broker::Forwards& forwards = path.forwards;
  broker::Commits& commits = path.commits;
  broker::DropLog& drops = path.drops;
  broker::BlockedLog& blocked = path.blocked;
  broker::DenialLog& denials = path.denials;
  broker::Sender& sender = path.sender;
  broker::SharedSubscriptions& groups = path.groups;
  broker::PeerLinks& links = path.links;
  broker::Pressure& pressure = path.pressure;
  broker::Turn& turn = path.turn;
  broker::Distribution& distribution = path.distribution;
  broker::ClientLog& log = path.log;
  broker::Replies& replies = path.replies;

  broker::Subscriptions subscriptions{options, commons.interest, router,   ledger, groups, retained,
                                      sender,  denials,          pressure, turn,   log,    replies};
  broker::SessionLife life{timers,        sessions,     commons.counts, ledger, forwards, groups,
                           subscriptions, distribution, metrics,        turn,   log};
  broker::Reading reading{options.listeners, pressure, timers, outbox, broker::publish_timer};
  broker::Disconnects disconnects{connections, outbox, metrics, sender,
                                  pressure,    life,   log,     replies};
  broker::TimeLimits time_limits{limits,  timers,      connections, metrics,
                                 reading, disconnects, log,         turn};
  broker::ConnectRules connect_rules{limits, options.listeners};
  broker::SessionStart start{options, connect_rules, commons.counts, sessions,    router, ledger,
                             metrics, life,          disconnects,    time_limits, log,    turn};
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
    ++parts.metrics.clients_by_transport[static_cast<std::size_t>(connection.transport)];
    ++parts.metrics.clients_by_version[broker::index_of(version)];
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
