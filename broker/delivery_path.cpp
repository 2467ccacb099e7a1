#include "broker/delivery_path.h"

namespace broker {

DeliveryPath::DeliveryPath(Tables& tables, Log& log_sink)
    : forwards(tables.options, tables.ledger, tables.holdings, tables.peers),
      commits(tables.ledger, tables.holdings, forwards, tables.peers),
      drops(tables.metrics, log_sink, tables.tracer),
      blocked(tables.metrics, log_sink),
      denials(tables.metrics, log_sink, tables.tracer),
      sender(tables.options.limits, tables.options.listeners, tables.outbox, tables.ledger,
             tables.holdings, tables.metrics, drops, blocked, denials, log_sink),
      groups(tables.options, tables.homes, tables.commons.interest, tables.sessions, tables.router,
             tables.peers, forwards, sender, denials),
      links(tables.metrics, tables.peers, peer_of_shard(tables.options.index),
            tables.options.shards),
      pressure(tables.options.limits, tables.ledger, tables.holdings, tables.commons.memory, sender,
               links),
      turn(tables.outbox, pressure),
      distribution(tables.options, tables.homes, tables.commons.interest, tables.outbox,
                   tables.peers, tables.router, tables.ledger, forwards, sender, groups,
                   tables.retained, denials, links, pressure, turn),
      log(tables.options.limits, log_sink, turn, tables.tracer),
      replies(tables.holdings, tables.metrics, log) {}

}  // namespace broker
