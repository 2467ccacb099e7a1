#include "tools/darter-bench/packet_ids.h"

namespace bench {

bool PacketIds::answered(mqtt::PacketType type, mqtt::PacketId id, mqtt::Qos qos) noexcept {
  const auto index = static_cast<std::size_t>(id);
  if (index == 0 || index >= states_.size()) return false;
  State& state = states_[index];
  const bool once = qos == mqtt::Qos::at_least_once;
  if (type == mqtt::PacketType::pubrec && !once && state == State::published) {
    state = State::released;
    return true;
  }
  const State before = once ? State::published : State::released;
  const auto last = once ? mqtt::PacketType::puback : mqtt::PacketType::pubcomp;
  if (type != last || state != before) return false;
  state = State::free;
  --in_use_;
  return true;
}

}  // namespace bench
