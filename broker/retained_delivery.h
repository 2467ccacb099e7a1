// broker/retained_delivery.h
#pragma once

#include "broker/core/connection.h"
#include "broker/core/denial_log.h"
#include "broker/core/ledger.h"
#include "broker/core/packet_work.h"
#include "broker/core/retained.h"
#include "broker/core/sender.h"
#include "broker/core/session.h"
#include "broker/turn.h"
#include "broker/wire/subscribe.h"

namespace broker {

struct ShardOptions;

/// Sends a client that subscribes the retained messages that match.
///
/// Shape      A walk over the retained messages for each filter of the packet, in turns: PacketWork
///            holds how far it has come.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Section 3.3.1.3.
class RetainedDelivery final {
 public:
  RetainedDelivery(const ShardOptions& options, const Ledger& ledger, Retained& retained,
                   Sender& sender, DenialLog& denials, Turn& turn);

  /// Goes on with the retained messages for the filters of a SUBSCRIBE that was answered.
  ///
  /// Returns   False if steps are lacking: the rest comes in a later turn.
  [[nodiscard]] bool send(Connection& connection, PacketWork& work);

 private:
  [[nodiscard]] static bool asks_for(const mqtt::SubscribeEntry& entry,
                                     const PacketWork::Outcome& outcome);
  /// The same for one filter.
  [[nodiscard]] bool send_matching(Connection& connection, PacketWork& work,
                                   const mqtt::SubscribeEntry& entry);
  [[nodiscard]] bool may_be_sent(const Session& session, const mqtt::SubscribeEntry& entry,
                                 const Retained::Record& record);

  const ShardOptions& options_;
  const Ledger& ledger_;
  Retained& retained_;
  Sender& sender_;
  DenialLog& denials_;
  Turn& turn_;
};

}  // namespace broker
