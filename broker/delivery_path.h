// broker/delivery_path.h
#pragma once

#include "broker/client_log.h"
#include "broker/commits.h"
#include "broker/core/blocked_log.h"
#include "broker/core/denial_log.h"
#include "broker/core/drop_log.h"
#include "broker/core/log.h"
#include "broker/core/sender.h"
#include "broker/distribution.h"
#include "broker/forwards.h"
#include "broker/peer_links.h"
#include "broker/pressure.h"
#include "broker/replies.h"
#include "broker/shared_subscriptions.h"
#include "broker/tables.h"
#include "broker/turn.h"

namespace broker {

/// The parts that a published message passes on its way to sessions, groups, other shards and the
/// disk, and the answers to its publisher.
///
/// Shape      Each part refers to those before it, and to Tables: `distribution` is the way in.
/// Lifetime   `tables` and `log_sink` outlive the object; it does not move.
/// Threads    None.
struct DeliveryPath {
  DeliveryPath(Tables& tables, Log& log_sink);
  DeliveryPath(const DeliveryPath&) = delete;
  DeliveryPath& operator=(const DeliveryPath&) = delete;

  Forwards forwards;
  Commits commits;
  DropLog drops;
  BlockedLog blocked;
  DenialLog denials;
  Sender sender;
  SharedSubscriptions groups;
  PeerLinks links;
  Pressure pressure;
  Turn turn;
  Distribution distribution;
  ClientLog log;
  Replies replies;
};

}  // namespace broker
