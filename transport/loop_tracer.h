// transport/loop_tracer.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/core/trace_sink.h"
#include "broker/wire/bytes.h"
#include "transport/connection.h"
#include "transport/trace.h"

namespace transport {

class Loop;

/// The traces of a process, as one loop sees them: finds the connections that they follow, and
/// writes their records.
///
/// Shape      take() .. take() -> a list of traces is in force. A connection that one of them
///            follows has a ConnectionTrace; others have none, so that one test of a pointer is all
///            that a packet costs. While a trace names clients, each connection has one until its
///            client identifier is known.
/// Invariant  The shard has a TraceSink exactly while the list has a trace.
/// Threads    Its loop's only; the traces are safe from any.
class LoopTracer final : public broker::TraceSink {
 public:
  explicit LoopTracer(Loop& loop) : loop_(loop) {}

  /// Puts a list in force: a part of the connections is looked at.
  ///
  /// Returns   Whether there are more; then it is to be called again in a later turn.
  [[nodiscard]] bool take(const std::shared_ptr<const TraceList>& list);
  /// Ends traces without a reader; to be called every 100 ms or so.
  void tick();
  [[nodiscard]] bool on() const noexcept { return list_ != nullptr; }

  // Events of connections. All but accepted() do nothing for connections that are not followed.

  /// A socket was accepted, or a proxy has named the client.
  void accepted(Connection& connection);
  /// A connection has come from another loop, with bytes that no shard has used.
  void adopted(Connection& connection, mqtt::Bytes unread);
  void note(const Connection& connection, std::string_view text) {
    if (connection.trace != nullptr) tell(connection, TraceKind::connection, text);
  }
  /// The first bytes are of another protocol.
  void refused(const Connection& connection, mqtt::Bytes bytes);

  // Requires a connection with a ConnectionTrace.

  /// Bytes of the MQTT stream come.
  void received(Connection& connection, mqtt::Bytes bytes);
  /// Whole packets leave.
  void sent(const Connection& connection, const broker::Output& output);

  // TraceSink.

  [[nodiscard]] bool follows(const Subject& subject) const override;
  void tell(const Subject& subject, std::string_view decision) override;
  void identified(broker::ConnectionId connection, std::string_view client_id) override;
  [[nodiscard]] bool follows_topic(std::string_view topic) const override;
  void begin_publish(std::string_view topic) override;
  void end_publish() override {
    of_publish_ = 0;
    topic_ = {};
  }
  void tell_of_topic(std::string_view topic, const Subject& subject,
                     std::string_view decision) override;

 private:
  /// Of one PUBLISH, for the traces of its topic.
  static constexpr std::size_t lines_of_publish_max = 64;
  static constexpr std::size_t client_id_bytes_max = 256;

  void set(std::shared_ptr<const TraceList> list);
  /// Calls take() in this turn and in the following ones.
  void go_on(const std::shared_ptr<const TraceList>& list);
  /// Finds the traces of a connection, whether it has a ConnectionTrace or not.
  void match(Connection& connection);
  [[nodiscard]] TraceSet traces_of(const Connection& connection,
                                   const ConnectionTrace& trace) const;
  [[nodiscard]] bool matters(const ConnectionTrace& trace) const;
  /// Gives a connection that was accepted before a ConnectionTrace, with all that the shard knows.
  void catch_up(Connection& connection);
  [[nodiscard]] TraceSet traces_of(const Subject& subject) const;
  void tell(const Connection& connection, TraceKind kind, std::string_view text);
  void tell(TraceSet traces, TraceKind kind, const Subject& subject, std::string_view text);
  void tell_packet(const Connection& connection, TraceKind kind, const trace::CutPacket& packet);
  void cut(const Connection& connection, TraceKind kind, mqtt::Bytes bytes);
  void learn(const Connection& connection, const trace::CutPacket& packet) const;
  [[nodiscard]] TraceSet with_publish(TraceSet traces);
  void add(Trace& trace, TraceKind kind, const Subject& subject, std::string text);
  template <typename Visit>
  void for_each(TraceSet traces, Visit&& visit) const;

  Loop& loop_;
  std::shared_ptr<const TraceList> list_;     // null: no trace
  std::shared_ptr<const TraceList> pending_;  // the list of a take() that is not over
  std::uint32_t next_slot_ = 0;               // of that take()
  bool follows_topics_ = false;               // a trace of the list does
  TraceSet of_publish_ = 0;                   // traces of the topic of the PUBLISH under way
  std::string_view topic_;                    // of that PUBLISH; empty: none is under way
  std::size_t lines_of_publish_ = 0;
};

}  // namespace transport
