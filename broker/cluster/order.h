#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/cluster/envelope.h"
#include "broker/core/event.h"
#include "broker/core/log.h"
#include "broker/wire/bytes.h"

namespace cluster {

// Orders of a node to its service, which has the connection to NATS and the shards. They are
// followed in their order: a subject is subscribed to before others are told of it.

/// Writes a record of the bucket. Node::record_written() or record_refused() is the answer; no
/// second order for the key comes before it.
struct PutRecord {
  std::string key;
  mqtt::ByteBuffer value;
};
/// Deletes a record of the bucket. There is no answer: if it fails, it is ordered again later.
struct DeleteRecord {
  std::string key;
};
/// Subscribes to a subject of core NATS, or ends that. The link keeps subscriptions while it is
/// down, and makes them again when it is up.
struct SubscribeSubject {
  std::string subject;
};
struct UnsubscribeSubject {
  std::string subject;
};
/// Another node wants messages that match this filter; or the last one that did does no more. All
/// shards are told.
struct AddRemoteFilter {
  std::string filter;
};
struct RemoveRemoteFilter {
  std::string filter;
};
/// When all shards have followed the orders before this one, another node is told that its filters
/// are known here: HeardMessage to subject_of_heard().
struct TellHeard {
  std::string node;  // that wrote the record
  Incarnation incarnation{};
  std::uint64_t number = 0;
};
/// A line for the log.
struct LogLine {
  broker::LogType type = broker::LogType::notice;
  broker::Event event = broker::Event::message;
  std::string text;
};

using Order = std::variant<PutRecord, DeleteRecord, SubscribeSubject, UnsubscribeSubject,
                           AddRemoteFilter, RemoveRemoteFilter, TellHeard, LogLine>;
using Orders = std::vector<Order>;

}  // namespace cluster
