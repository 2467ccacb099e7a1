#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/wire/protocol.h"

namespace bench {

/// The packet identifiers of a publisher, and how far each has come.
///
/// Shape      1 to `count`, given out in turn.
class PacketIds {
 public:
  explicit PacketIds(std::uint16_t count) : states_(std::size_t{count} + 1) {}

  /// The next identifier; nothing if it is still in use.
  [[nodiscard]] std::optional<mqtt::PacketId> take() noexcept {
    if (states_[next_] != State::free) return std::nullopt;
    const auto taken = static_cast<mqtt::PacketId>(next_);
    states_[next_] = State::published;
    next_ = next_ + 1U < states_.size() ? next_ + 1U : 1U;
    ++in_use_;
    return taken;
  }

  /// An answer came: PUBACK and PUBCOMP free the identifier, PUBREC asks for PUBREL.
  ///
  /// Returns   False if that is no answer to where the identifier stands.
  [[nodiscard]] bool answered(mqtt::PacketType type, mqtt::PacketId id, mqtt::Qos qos) noexcept;

  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }

 private:
  enum class State : std::uint8_t { free, published, released };

  std::vector<State> states_;  // by identifier; the first is none
  std::size_t next_ = 1;
  std::size_t in_use_ = 0;
};

}  // namespace bench
