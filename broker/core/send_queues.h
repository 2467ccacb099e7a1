// broker/core/send_queues.h
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "broker/core/drop_log.h"
#include "broker/core/ids.h"
#include "broker/core/ledger.h"
#include "broker/core/limits.h"
#include "broker/core/message.h"
#include "broker/core/publication.h"
#include "broker/core/session.h"

namespace broker {

/// The two queues in which messages of a session wait.
enum class SendQueue : std::uint8_t {
  backlog,  ///< for the window, or for a client that is away
  unsent,   ///< QoS 0 for a socket that is behind
};

/// Puts messages into the queues of sessions, within their limits.
///
/// Invariant  max_queued_messages and max_queued_bytes hold for each queue by itself,
///            max_queued_qos0_bytes for `unsent` as well. The listener chooses the message that a
///            full queue drops (SlowConsumer). Each of these is counted as dropped, and each change
///            of a backlog is noted in the ledger.
/// Threads    None.
class SendQueues {
 public:
  SendQueues(const Limits& limits, const std::vector<ListenerPolicy>& listeners, Ledger& ledger,
             DropLog& drops)
      : limits_(limits), listeners_(listeners), ledger_(ledger), drops_(drops) {}

  void push(Session& session, SendQueue queue, const Terms& terms, Publication& publication);
  /// Whether no queue of the session is full. Retained messages for a new subscription are queued
  /// however many they are, but not on top of a full queue.
  [[nodiscard]] bool has_room(const Session& session) const;
  /// The socket is gone: messages that waited for it go to the backlog if QoS 0 is queued for
  /// absent clients, and are dropped if not.
  void give_up_socket(Session& session);

  /// Connections to be ended for their full queue, as their listeners want it.
  [[nodiscard]] bool overrun() const noexcept { return !overrun_.empty(); }
  [[nodiscard]] std::vector<ConnectionId> take_overrun() { return std::exchange(overrun_, {}); }

 private:
  /// Lets others give way to a message, as the listener wants it. Returns whether it may wait.
  bool make_room(Session& session, SendQueue queue, const Message& message);
  [[nodiscard]] std::uint64_t bytes_max_of(SendQueue queue) const;
  /// Whether the queue takes one more message, however large that is.
  [[nodiscard]] bool is_below_limits(const Session& session, SendQueue queue) const;
  void give_way(Session& session, SendQueue queue, std::uint64_t number, DropReason reason);

  const Limits& limits_;
  const std::vector<ListenerPolicy>& listeners_;
  Ledger& ledger_;
  DropLog& drops_;
  std::vector<ConnectionId> overrun_;
};

}  // namespace broker
