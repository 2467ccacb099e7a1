#include "broker/core/packet_work.h"

#include <cassert>

namespace broker {

void PacketWork::add(Outcome outcome) {
  assert(outcomes.size() < filters);
  outcomes.push_back(outcome);
  if (filters < 2 || outcome.filter == 0) return;
  const auto last = static_cast<std::uint32_t>(outcomes.size());
  const auto hash = static_cast<std::uint32_t>(outcome.filter * 0x9E3779B97F4A7C15U >> 32U);
  const std::uint32_t before = by_filter.find(
      hash, [&](std::uint32_t place) { return outcomes[place - 1].filter == outcome.filter; });
  if (before == HashIndex::none) return by_filter.insert(hash, last);
  outcomes[before - 1].repeated = true;
  outcomes.back().fresh = outcomes.back().fresh || outcomes[before - 1].fresh;
  by_filter.replace(hash, before, last);
}

}  // namespace broker
