// broker/client/send_window.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/client/id_table.h"
#include "broker/client/publication.h"
#include "broker/client/saved_session.h"
#include "broker/wire/protocol.h"

namespace client {

/// The publications with QoS 1 and 2 that are not finished: the sending half of Session State.
///
/// Shape      By packet identifier. Each has a place in the order in which all are sent again after
///            a reconnect: releases first, in the order in which PUBREC came, then messages, in the
///            order in which they were sent first [MQTT-4.6.0-1] [MQTT-4.6.0-4].
/// Invariant  quota_used() counts as the server's Receive Maximum does: messages sent on this
///            connection and not finished [MQTT-3.3.4-7], and, to be on the safe side, identifiers
///            that the server still keeps from an earlier one.
/// Threads    None.
class SendWindow {
 public:
  /// The answer that is awaited.
  enum class Phase : std::uint8_t { puback, pubrec, pubcomp };

  struct Flight {
    KeptPublication publication;  // empty while PUBCOMP is awaited
    Token token{0};
    std::uint64_t place = 0;
    Phase phase = Phase::puback;
    bool sent_before = false;  // to this server: DUP is set when it is sent again [MQTT-3.3.1-1]
    bool counted = false;      // in quota_used()
    bool waits = false;        // to be sent again on this connection
  };

  [[nodiscard]] std::size_t size() const noexcept { return flights_.size(); }
  /// Of messages that are kept: topics, properties, payloads.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::size_t quota_used() const noexcept { return quota_used_; }
  [[nodiscard]] bool contains(mqtt::PacketId id) const { return flights_.contains(id); }
  /// Null if there is none. Good until the next call that changes the window.
  [[nodiscard]] Flight* find(mqtt::PacketId id) { return flights_.find(id); }

  /// Takes a message that was sent. Requires that its identifier is free, and QoS 1 or 2.
  void add(mqtt::PacketId id, const Publication& publication, Token token, Instant now);
  /// PUBREC came: the message is the server's.
  void release(Flight& flight);
  /// The identifier is free again. Requires contains(id).
  void finish(mqtt::PacketId id);

  /// The connection is gone: all that is left waits to be sent again.
  void connection_lost();
  /// The server has no session: messages are new to it, and releases have nothing to release. Those
  /// were the server's since PUBREC, so they are finished: take_finished() gives their tokens.
  void session_lost();
  [[nodiscard]] std::optional<Token> take_finished();
  /// Nothing is in flight any more, and no token is given back.
  void forget() noexcept;
  /// Whether something waits to be sent again.
  [[nodiscard]] bool resending() const noexcept { return !to_resend_.empty(); }
  /// The next one to be sent again, until sent_again() or finish(); identifier 0: there is none.
  [[nodiscard]] mqtt::PacketId next_to_resend();
  void sent_again(mqtt::PacketId id);

  /// In the order in which they are to be sent again.
  [[nodiscard]] std::vector<SavedSession::Outgoing> save(Instant now) const;
  /// Puts one back behind the others. Requires that its identifier is free.
  void restore(const SavedSession::Outgoing& saved, Instant now);

 private:
  [[nodiscard]] std::vector<mqtt::PacketId> in_order() const;
  void count(Flight& flight, bool counted);

  IdTable<Flight> flights_;
  std::vector<mqtt::PacketId> to_resend_;  // last first; some may be finished meanwhile
  std::vector<Token> finished_;            // by session_lost(); last first
  std::uint64_t next_place_ = 0;
  std::size_t size_bytes_ = 0;
  std::size_t quota_used_ = 0;
};

}  // namespace client
