// broker/client/receive_window.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "broker/client/event.h"
#include "broker/client/options.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "broker/wire/publish.h"

namespace client {

/// The messages with QoS 1 and 2 that came and are not finished: the receiving half of Session
/// State, and the answers that are due, in order.
///
/// Shape      QoS 2 by packet identifier, over connections. Answers to PUBLISH in a queue, in the
///            order of the messages: one leaves when it and all before it are acknowledged
///            [MQTT-4.6.0-2] [MQTT-4.6.0-3].
/// Invariant  At most as many messages without a last answer as begin() says, of QoS 2 at most
///            65,535: so many identifiers there are.
/// Threads    None.
class ReceiveWindow {
 public:
  /// The decision on a PUBLISH or PUBREL.
  enum class Taken : std::uint8_t {
    fresh,     ///< for the caller
    repeated,  ///< the caller had it: this class has the answer
    too_many,  ///< the server exceeds the Receive Maximum [MQTT-3.3.4-9]
    misused,   ///< an identifier that is in use, or in another state
  };
  struct Result {
    Taken taken;
    Receipt receipt{};
  };

  /// A connection begins. Answers are of `version`; `handshakes`: whether the caller is told of a
  /// PUBREL for an identifier that is not there.
  void begin(std::uint16_t receive_maximum, mqtt::Version version, Handshakes handshakes) noexcept;
  /// The connection is gone, and answers with it. A QoS 2 message that the caller has not
  /// acknowledged is not given to it again.
  void connection_lost();
  /// The server has no session.
  void session_lost() { exactly_once_.clear(); }

  /// A PUBLISH with QoS 1 or 2 came.
  [[nodiscard]] Result publish(const mqtt::Publish& packet, mqtt::ByteBuffer& out);
  /// A PUBREL came. An identifier that is not there is answered at once [MQTT-4.3.3-11],
  /// if handshakes are kept here.
  [[nodiscard]] Result release(mqtt::PacketId id, mqtt::ByteBuffer& out);
  /// The caller has the message of the receipt. A receipt that is worth nothing does nothing.
  void acknowledge(const Receipt& receipt, mqtt::Reason reason, mqtt::ByteBuffer& out);

  /// Session State: identifiers of QoS 2 messages that the caller has.
  [[nodiscard]] std::vector<mqtt::PacketId> save() const;
  void restore(mqtt::PacketId id) { exactly_once_.try_emplace(id, Incoming{.state = State::had}); }
  [[nodiscard]] bool empty() const noexcept { return exactly_once_.empty(); }

 private:
  enum class State : std::uint8_t {
    given,      ///< to the caller, which has not acknowledged it
    had,        ///< acknowledged: PUBREC was sent, or will be when the server asks again
    releasing,  ///< PUBREL came, and the caller has not acknowledged that
  };
  struct Incoming {
    State state = State::given;
    bool asked = false;        // the server waits for an answer to this state, on this connection
    bool counted = false;      // in unfinished_
    std::uint64_t number = 0;  // of the receipt that is good
    std::uint64_t answer = 0;  // number in the queue, if `asked` while given
  };
  using ExactlyOnce = std::unordered_map<mqtt::PacketId, Incoming>;
  struct Answer {
    mqtt::PacketId packet_id;
    mqtt::PacketType type;
    mqtt::Reason reason = mqtt::Reason::success;
    bool ready = false;
  };

  void forget_if_new(const mqtt::Publish& packet);
  Result publish_again(mqtt::PacketId id, Incoming& incoming, mqtt::ByteBuffer& out);
  std::uint64_t push_answer(mqtt::PacketId id, mqtt::PacketType type);
  /// Null if it has left, or went with its connection.
  [[nodiscard]] Answer* find_answer(std::uint64_t number) noexcept;
  void acknowledge_message(const Receipt& receipt, mqtt::Reason reason);
  void acknowledge_release(const Receipt& receipt, mqtt::ByteBuffer& out);
  void send_ready(mqtt::ByteBuffer& out);
  void send(mqtt::PacketType type, mqtt::PacketId id, mqtt::Reason reason, mqtt::ByteBuffer& out);
  void forget(ExactlyOnce::iterator place);

  ExactlyOnce exactly_once_;
  std::deque<Answer> answers_;
  std::uint64_t next_answer_ = 1;   // number of the next in answers_; never given twice
  std::uint64_t next_release_ = 1;  // number of the next receipt of a release
  std::size_t unfinished_ = 0;      // of this connection
  std::size_t receive_maximum_ = 65'535;
  mqtt::Version version_ = mqtt::Version::v5_0;
  bool relayed_ = false;
};

}  // namespace client
