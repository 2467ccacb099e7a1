#include "persistence/delivery_numbers.h"

#include <algorithm>

namespace persistence {
namespace {

// Packet identifiers run from 1 to 65535 and around.
constexpr std::uint64_t identifiers = 65'535;
/// Numbers that may lie between the first and the last delivery in flight.
constexpr std::uint64_t span_max = 65'533;

}  // namespace

void number_deliveries(std::vector<ImportedDelivery>& all, std::uint16_t last_packet_id) {
  const auto unsent = std::stable_partition(all.begin(), all.end(),
                                            [](const ImportedDelivery& each) { return each.sent; });
  const auto assign = [&] {
    std::uint64_t next = 0;
    for (auto each = all.begin(); each != unsent; ++each) {
      std::uint64_t mine = next - next % identifiers + each->packet_id - 1;
      if (mine < next) mine += identifiers;
      each->number = mine;
      next = mine + 1;
    }
    return all.begin() == unsent || next - 1 - all.front().number <= span_max;
  };
  if (!assign()) {
    // Not in the order in which identifiers are given: begin behind the widest gap between them.
    std::sort(all.begin(), unsent, [](const ImportedDelivery& a, const ImportedDelivery& b) {
      return a.packet_id < b.packet_id;
    });
    auto widest = all.begin();
    std::uint64_t gap = all.front().packet_id + identifiers - std::prev(unsent)->packet_id;
    for (auto each = std::next(all.begin()); each != unsent; ++each) {
      const auto here = static_cast<std::uint64_t>(each->packet_id - std::prev(each)->packet_id);
      if (here > gap) {
        gap = here;
        widest = each;
      }
    }
    std::rotate(all.begin(), widest, unsent);
    static_cast<void>(assign());
  }
  std::uint64_t next =
      all.begin() == unsent ? last_packet_id % identifiers : std::prev(unsent)->number + 1;
  for (auto each = unsent; each != all.end(); ++each) each->number = next++;
}

}  // namespace persistence
