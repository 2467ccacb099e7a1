#include "broker/bridge/held_ids.h"

#include <cassert>
#include <limits>

namespace bridge {
namespace {

constexpr std::uint32_t last_id = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t awaited_max = 1000;  // so that neither side keeps many packets

}  // namespace

void HeldIds::begin(client::Client& remote, broker::Instant now) {
  assert(in_doubt_);
  next_ = 1;
  awaited_ = 0;
  release_more(remote, now);
}

bool HeldIds::answered(client::Client& remote, broker::Instant now) {
  assert(awaited_ > 0);
  --awaited_;
  release_more(remote, now);
  if (awaited_ > 0) return false;
  in_doubt_ = false;
  return true;
}

void HeldIds::release_more(client::Client& remote, broker::Instant now) {
  for (; awaited_ < awaited_max && next_ <= last_id; ++next_, ++awaited_) {
    remote.release(mqtt::PacketId{static_cast<std::uint16_t>(next_)}, {}, now);
  }
}

}  // namespace bridge
