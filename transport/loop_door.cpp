#include "transport/loop_door.h"

#include <cassert>

#include "transport/loop.h"

namespace transport {

// Here, where Loop is known: work that was not run is destroyed.
LoopDoor::LoopDoor() = default;
LoopDoor::~LoopDoor() = default;

int LoopDoor::open(uv_loop_t* loop, void* owner, uv_async_cb woken) {
  assert(bell_.loop == nullptr);
  bell_.data = owner;
  return uv_async_init(loop, &bell_, woken);
}

void LoopDoor::close() {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&bell_);
  if (handle->loop != nullptr && uv_is_closing(handle) == 0) uv_close(handle, nullptr);
}

void LoopDoor::post(Work work) {
  work_.add(std::move(work));
  ring();
}

void LoopDoor::give_room(broker::PeerId peer) noexcept {
  room_.fetch_or(broker::PeerSet(peer).bits(), std::memory_order_release);
  ring();
}

}  // namespace transport
