#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/client/client.h"

namespace test {

/// How a server's bytes are cut into pieces.
enum class Pieces : std::uint8_t { whole, halves, bytes };

/// Packets of a client as text: "PUBLISH q1 r0 d0 m1 a/b hi", with the alias as "~3" behind the
/// topic; others as type, identifier and reason. Fails the test if a server's decoders refuse one.
std::vector<std::string> describe_sent(mqtt::Bytes stream, mqtt::Version version);

/// An event as text: "connected", "message q1 m7 a/b hi", "acknowledged 5 00".
std::string describe_event(const client::Event& event);

/// A client, and a server that says what the test says.
class Talk {
 public:
  using Strings = std::vector<std::string>;

  explicit Talk(client::Options options) : version(options.version), client(std::move(options)) {}

  /// Opens a connection and sends CONNACK; drops the packets and events of that.
  void connect(std::string_view properties = {}, bool session_present = false);
  /// Opens a connection.
  void open();
  /// The server says something.
  void hear(std::string_view bytes);
  /// Takes the client's events until there is none.
  void run();
  void lose();
  void pass_milliseconds(std::int64_t milliseconds);
  /// Publishes with the number of the message as its token.
  client::Accepted publish(std::string_view topic, std::string_view payload, unsigned qos,
                           std::uint64_t token = 0, unsigned packet_id = 0);
  /// Acknowledges the oldest message or release that was not.
  void acknowledge(mqtt::Reason reason = mqtt::Reason::success);

  /// Packets that the client has sent since the last call.
  Strings sent();
  /// Events since the last call.
  Strings events();

  // Packets of the server.
  [[nodiscard]] std::string connack(std::string_view properties = {}, bool session_present = false,
                                    unsigned code = 0) const;
  [[nodiscard]] std::string message(std::string_view topic, std::string_view payload, unsigned qos,
                                    unsigned packet_id = 0, std::string_view properties = {},
                                    bool dup = false) const;
  /// `first_byte`: 0x40 PUBACK, 0x50 PUBREC, 0x62 PUBREL, 0x70 PUBCOMP.
  [[nodiscard]] static std::string ack(unsigned first_byte, unsigned packet_id, int reason = -1);

  mqtt::Version version;
  client::Client client;
  Pieces pieces = Pieces::whole;
  client::Instant now{1'000'000};
  std::vector<client::Receipt> receipts;  // of messages and releases, in order

 private:
  [[nodiscard]] bool v5() const { return version == mqtt::Version::v5_0; }
  void hear_piece(std::string_view piece);

  std::string sent_;
  Strings events_;
};

}  // namespace test
