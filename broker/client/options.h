// broker/client/options.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "broker/wire/protocol.h"

/// An MQTT client without I/O, clock, threads or randomness.
namespace client {

/// When a message that came is acknowledged.
enum class Acknowledge : std::uint8_t {
  at_once,    ///< as soon as Client::next() gives it
  by_caller,  ///< with Client::acknowledge(), when the caller has it on disk, say
};

/// The side that keeps the state of QoS 1 and 2 handshakes (section 4.3).
///
/// Shape      relayed: behind the caller stands another MQTT session, which keeps that state and
///            retransmits, under the same packet identifiers. So each
///            step of a handshake is told, and the next one is the caller's to take, when the other
///            session has taken it:
///
///              this server        client         caller and the other session
///                PUBLISH     ──▶  Message    ──▶  PUBLISH
///                PUBREC      ◀──  acknowledge() ◀─  PUBREC
///                PUBREL      ──▶  Released   ──▶  PUBREL, whether the identifier is known or not
///                PUBCOMP     ◀──  acknowledge() ◀─  PUBCOMP
///                PUBLISH     ◀──  publish()  ◀──  PUBLISH, with an identifier of the caller
///                PUBREC      ──▶  Received   ──▶  PUBREC
///                PUBREL      ◀──  release()  ◀──  PUBREL
///                PUBCOMP     ──▶  Acknowledged ─▶  PUBCOMP
///
///            Exactly once then needs no table beside those of the two sessions: at each instant
///            the one that sends knows a step less than the one that receives, or the same.
enum class Handshakes : std::uint8_t {
  kept,     ///< the client
  relayed,  ///< the caller: nothing outlives a connection; needs Acknowledge::by_caller
};

/// The will of a CONNECT (sections 3.1.2.5 and 3.1.3.2).
struct WillOptions {
  std::string topic;  // a topic name
  std::string payload{};
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::uint32_t delay_interval_seconds = 0;
  std::optional<std::uint32_t> message_expiry_interval_seconds{};
  std::string properties{};  // a block as mqtt::forwarded_properties() makes it
};

/// How long a client waits before it asks for a new connection.
struct ReconnectOptions {
  bool enabled = false;
  std::int64_t first_milliseconds = 1000;
  /// 0: each wait is as long as the first. Otherwise waits grow up to this, with jitter.
  std::int64_t longest_milliseconds = 0;
};

/// The properties of a client, and the limits of its memory.
///
/// Units      Bytes count whole packets, if nothing else is said; 0 stands for no limit where a
///            comment says so.
struct Options {
  mqtt::Version version = mqtt::Version::v5_0;
  std::string client_id;  // empty: the server assigns one (from 3.1.1 on, with clean_start)
  /// Clean Session before 5.0. A client of 5.0 with a session that outlives its connections sets it
  /// in its first CONNECT alone, or its own reconnects would throw the session away.
  bool clean_start = true;
  std::uint32_t session_expiry_interval_seconds = 0;
  std::uint16_t keep_alive_seconds = 60;  // 0: none
  std::optional<std::string> user_name;
  std::optional<std::string> password;  // before 5.0 with a user name only
  std::optional<WillOptions> will;
  std::string user_properties;  // of CONNECT, as mqtt::write_user_property() makes them
  std::optional<std::string> authentication_method;
  std::string authentication_data;
  bool request_response_information = false;
  bool request_problem_information = true;

  /// The client is a bridge, and says so in bit 7 of the protocol level (before 5.0): Mosquitto
  /// then sends it no message back, and keeps Retain as published. A server may refuse the bit; the
  /// client leaves it out then: see Client::says_bridge().
  bool bridge = false;

  // Limits of the server's packets.
  std::uint16_t receive_maximum = 65'535;  // not 0; the server hears of it from 5.0 on
  /// The server may exceed it. Mosquitto 2.0 sends everything again, after an outage, that its own
  /// max_inflight_messages let into flight: a client that left it for that would never get further.
  /// The limit is that of 3.1.1 then: the number of packet identifiers.
  bool tolerates_excess = false;
  std::uint32_t packet_bytes_max = 0;    // 0: as large as MQTT has them, 256 MiB
  std::uint16_t topic_alias_in_max = 0;  // each keeps a topic name
  Acknowledge acknowledge = Acknowledge::at_once;
  Handshakes handshakes = Handshakes::kept;

  // Limits of the packets kept for the server, whatever the server allows.
  std::uint16_t inflight_max = 20;              // publications with QoS 1 and 2; not 0
  std::size_t inflight_bytes_max = 16'777'216;  // theirs; below it one more is taken
  std::size_t output_bytes_max = 1'048'576;     // that are not written; below it one more is taken
  std::size_t requests_max = 128;               // SUBSCRIBE and UNSUBSCRIBE without an answer
  std::uint16_t topic_alias_out_max = 0;        // each keeps a topic name

  // How long it waits.
  std::int64_t connack_milliseconds = 30'000;   // for CONNACK, after CONNECT
  std::int64_t pingresp_milliseconds = 10'000;  // for a sign of life, after PINGREQ
  ReconnectOptions reconnect;
  std::uint64_t seed = 0;  // of the jitter: differs between clients, or they reconnect in step
};

}  // namespace client
