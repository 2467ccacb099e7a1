// transport/mqtt_stage.h
#pragma once

#include <span>

#include "broker/wire/bytes.h"
#include "transport/connect_queue.h"
#include "transport/connection.h"

namespace transport {

class Connections;
class Loop;

/// The last stage of a connection's way in, for all connections of one loop: gives MQTT bytes to
/// the shard, those of a CONNECT a turn later, and counts the bytes that come before a login.
///
/// Shape      read(): introduced -> connecting -> take_due() -> the shard -> at_home or on its way
///            home -> settled; from then on read() -> the shard. A connection that has come home
///            begins with take_unread().
/// Lifetime   A part of Connections, which outlives it.
/// Threads    Its loop's only.
class MqttStage {
 public:
  MqttStage(Loop& loop, Connections& connections) : loop_(loop), connections_(connections) {}
  MqttStage(const MqttStage&) = delete;
  MqttStage& operator=(const MqttStage&) = delete;

  /// Takes the bytes that the stages before it leave. The connection may be on its way to another
  /// loop afterwards.
  void read(Connection& connection, std::span<std::byte> bytes);
  /// Gives the shard the bytes that it had not handled before the connection moved here.
  void take_unread(Connection& connection, mqtt::Bytes bytes);
  /// Gives the shard the bytes of CONNECTs that were read before the last poll began. To be called
  /// once between two polls, not while the loop is blocked.
  void take_due();
  /// Whether take_due() has something to do.
  [[nodiscard]] bool has_due() const noexcept { return !queue_.empty(); }

 private:
  void pass(Connection& connection, mqtt::Bytes bytes);
  void pass_before_login(Connection& connection, mqtt::Bytes bytes);
  void passed_before_login(Connection& connection);

  Loop& loop_;
  Connections& connections_;
  ConnectQueue queue_;
};

}  // namespace transport
