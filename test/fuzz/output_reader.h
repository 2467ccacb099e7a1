#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

namespace fuzz {

/// Reads the broker's output to one client, as strictly as a client of the specification could,
/// and ends the program if it is wrong.
///
/// Invariant  Every piece of output ends with a packet: the broker never writes half of one.
/// Source     Sections 2.1 to 3.15 and 4.3; the options that a client announced in CONNECT.
class OutputReader {
 public:
  /// The client's options. Until announce() only the form of frames is checked, because the bytes
  /// that the client sends may be anything.
  struct Terms {
    mqtt::Version version = mqtt::Version::v5_0;
    std::uint16_t receive_maximum = 65'535;
    std::uint32_t maximum_packet_size_bytes = 0;  // 0: no limit
    std::uint16_t topic_alias_maximum = 0;
  };
  void announce(const Terms& terms);
  /// The client sent bytes of its own making: its acknowledgements are not known any more.
  void went_wild() { tame_ = false; }
  [[nodiscard]] bool tame() const noexcept { return tame_; }

  /// The client sends SUBSCRIBE or UNSUBSCRIBE with so many filters.
  void asked(mqtt::PacketType answer, std::uint16_t packet_id, std::size_t filters);
  /// The client sends PUBACK, PUBREC with a failure, or PUBCOMP: the identifier is free.
  void finished(std::uint16_t packet_id) {
    in_flight_.erase(packet_id);
    released_.erase(packet_id);
  }

  void read(std::string_view bytes);

  /// Something that the client has to answer.
  struct Due {
    mqtt::PacketType answer;  // puback, pubrec or pubcomp
    std::uint16_t packet_id;
  };
  std::vector<Due> due;

  /// A CONNACK that accepts the client has come.
  [[nodiscard]] bool accepted() const noexcept { return accepted_; }

 private:
  void packet(const mqtt::Frame& frame);
  void on_connack(const mqtt::Frame& frame);
  void on_publish(const mqtt::Frame& frame);
  void on_ack(const mqtt::Frame& frame);
  void on_suback(const mqtt::Frame& frame);
  void on_disconnect(const mqtt::Frame& frame);
  [[nodiscard]] bool v5() const noexcept { return terms_.version == mqtt::Version::v5_0; }

  Terms terms_;
  bool announced_ = false;
  bool tame_ = false;
  bool accepted_ = false;
  bool ended_ = false;                 // a refusal or a DISCONNECT came: nothing may follow
  std::set<std::uint16_t> in_flight_;  // of PUBLISHes on this connection
  std::set<std::uint16_t> released_;   // of PUBLISHes on an earlier one
  std::set<std::uint16_t> aliases_;
  std::map<std::pair<mqtt::PacketType, std::uint16_t>, std::multiset<std::size_t>> asked_;
};

}  // namespace fuzz
