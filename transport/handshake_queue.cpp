#include "transport/handshake_queue.h"

#include <cassert>
#include <utility>

namespace transport {

void HandshakeQueue::spend(std::uint32_t turn, std::uint64_t nanoseconds) noexcept {
  if (std::exchange(turn_, turn) != turn) spent_nanoseconds_ = 0;
  spent_nanoseconds_ += nanoseconds;
}

void HandshakeQueue::end() noexcept {
  assert(under_way_ > 0);
  --under_way_;
}

}  // namespace transport
