// broker/core/delivery.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "broker/core/message.h"
#include "broker/wire/protocol.h"

namespace broker {

/// The subscription identifiers that go with one delivery: none, one, or rarely several.
class IdentifierList {
 public:
  IdentifierList() = default;
  explicit IdentifierList(std::span<const std::uint32_t> ids) {
    if (ids.size() == 1) one_ = ids.front();
    if (ids.size() > 1) {
      many_ = std::make_unique<std::vector<std::uint32_t>>(ids.begin(), ids.end());
    }
  }
  [[nodiscard]] std::span<const std::uint32_t> view() const noexcept {
    if (many_) return *many_;
    return {&one_, one_ == 0 ? std::size_t{0} : std::size_t{1}};
  }

 private:
  std::unique_ptr<std::vector<std::uint32_t>> many_;
  std::uint32_t one_ = 0;
};

/// One message on its way to one session.
struct Delivery {
  MessageRef message;
  [[no_unique_address]] IdentifierList subscription_identifiers;
  std::uint32_t membership = 0;  // number in the session's MembershipList; 0: not shared
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;

  /// Topic, properties and payload.
  [[nodiscard]] std::size_t size_bytes() const noexcept {
    return message ? message->size_bytes() : 0;
  }
  /// The bytes that max_inflight_bytes and max_queued_bytes count.
  [[nodiscard]] std::size_t payload_bytes() const noexcept {
    return message ? message->payload().size() : 0;
  }
};

}  // namespace broker
