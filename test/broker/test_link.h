#pragma once

#include <string>
#include <vector>

#include "broker/peer_links.h"
#include "broker/wire/bytes.h"

namespace test {

/// A link that notes what it gets: "q1 a/b hi".
class TestLink final : public broker::PeerLink {
 public:
  [[nodiscard]] bool room() const noexcept override { return messages.size() < messages_max; }
  void send(const broker::MessageView& message, mqtt::Qos qos) override {
    messages.push_back("q" + std::to_string(static_cast<int>(qos)) + " " +
                       std::string(message.topic) + " " +
                       std::string(mqtt::as_text(message.payload)));
  }

  std::vector<std::string> messages;
  std::size_t messages_max = SIZE_MAX;
};

}  // namespace test
