// broker/client/requests.h
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>

#include "broker/client/event.h"
#include "broker/wire/protocol.h"

namespace client {

/// SUBSCRIBE and UNSUBSCRIBE packets that have no answer yet. They end with their connection.
class Requests {
 public:
  struct Request {
    mqtt::PacketType answer = mqtt::PacketType::suback;  // or unsuback
    std::size_t filters = 0;
    Token token{0};
  };

  [[nodiscard]] std::size_t size() const noexcept { return requests_.size(); }
  [[nodiscard]] bool contains(mqtt::PacketId id) const { return requests_.contains(id); }
  void add(mqtt::PacketId id, const Request& request) { requests_.emplace(id, request); }
  /// Takes the request that `answer` answers; nothing if it answers none: its identifier, its type
  /// or the number of its codes is another [MQTT-3.8.4-2] [MQTT-3.8.4-6] [MQTT-3.10.4-5].
  [[nodiscard]] std::optional<Request> take(const mqtt::SubscribeAnswer& answer,
                                            mqtt::Version version);
  void clear() noexcept { requests_.clear(); }

 private:
  std::unordered_map<mqtt::PacketId, Request> requests_;
};

}  // namespace client
