#include "broker/server/memory_watch.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <malloc.h>
#include <string>
#include <unistd.h>

#include "broker/core/text.h"
#include "transport/loops.h"

// The allocator of a sanitizer, which answers instead of mallinfo2() where there is one.
[[gnu::weak]] std::size_t allocated_by_sanitizer() asm("__sanitizer_get_current_allocated_bytes");

namespace server {
namespace {

/// The allocator is to be busy with our question for no more than this part of the time.
constexpr std::int64_t busy_part = 20;
constexpr std::int64_t line_interval_seconds = 10;

}  // namespace

std::size_t heap_bytes() noexcept {
  if (allocated_by_sanitizer != nullptr) return allocated_by_sanitizer();
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

MemoryWatch::MemoryWatch(std::uint64_t limit_bytes, broker::SharedMemory& shared, broker::Log& log)
    : shared_(shared), log_(log), resident_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {
  set_limit(limit_bytes);
}

void MemoryWatch::set_limit(std::uint64_t limit_bytes) {
  limit_bytes_ = static_cast<std::int64_t>(limit_bytes);
  next_look_ = {};
  if (on()) return;
  near_ = said_near_ = false;
  shared_.headroom_bytes.store(broker::SharedMemory::unlimited, std::memory_order_relaxed);
}

void MemoryWatch::look() {
  const broker::Instant now = transport::Loops::now();
  if (!on() || now < next_look_) return;
  const auto resident = static_cast<std::int64_t>(resident_bytes());
  const std::int64_t used = resident != 0 && resident < limit_bytes_ / 2
                                ? resident
                                : static_cast<std::int64_t>(heap_bytes());
  const std::int64_t took_milliseconds = transport::Loops::now().milliseconds - now.milliseconds;
  next_look_ = after_milliseconds(now, took_milliseconds * busy_part);
  const std::int64_t begins = limit_bytes_ / 10 * 9;
  const std::int64_t ends = limit_bytes_ / 10 * 8;
  near_ = used >= (near_ ? ends : begins);
  shared_.headroom_bytes.store(near_ ? 0 : begins - used, std::memory_order_relaxed);
  if (near_ != said_near_ && now >= next_line_) say(static_cast<std::size_t>(used));
}

// Memory that a thread frees stays with its arena for the most part. The resident size says little
// of it: freed memory of a large heap is unused although the process has not grown.
void MemoryWatch::give_back(broker::Instant now) {
  constexpr std::size_t much_bytes = std::size_t{32} << 20U;
  if (now < next_return_) return;
  next_return_ = after_seconds(now, return_seconds);
  const std::size_t resident = resident_bytes();
  if (resident < much_bytes) return;
  const std::size_t unused = unused_bytes();
  // A page stays as long as anything in it is used, and that may have been freed since: a trim that
  // returned little is tried again, the sooner the more there is unused.
  unreturnable_bytes_ = std::min(unreturnable_bytes_ - unreturnable_bytes_ / 8, unused);
  const std::size_t used = resident - unused;
  if (unused < unreturnable_bytes_ + std::max(much_bytes, used / 4)) return;
  ::malloc_trim(0);
  unreturnable_bytes_ = unused_bytes();
}

std::size_t MemoryWatch::unused_bytes() const noexcept {
  const std::size_t resident = resident_bytes();
  return resident - std::min(resident, heap_bytes());
}

/// Pages are counted: "size resident shared ...".
std::size_t MemoryWatch::resident_bytes() const noexcept {
  std::array<char, 128> text{};
  if (::pread(resident_.get(), text.data(), text.size() - 1, 0) <= 0) return 0;
  char* end = nullptr;
  std::strtoull(text.data(), &end, 10);
  return std::strtoull(end, nullptr, 10) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void MemoryWatch::say(std::size_t used_bytes) {
  said_near_ = near_;
  next_line_ = after_seconds(transport::Loops::now(), line_interval_seconds);
  const std::string used = broker::concat(
      {std::to_string(used_bytes), " of ", std::to_string(limit_bytes_), " bytes are in use"});
  if (near_) {
    log_.write_event(broker::LogType::warning, {.event = broker::Event::memory_limit_near},
                     broker::concat({"memory_limit is near: ", used,
                                     ". New clients, and messages that would have to be kept, are "
                                     "refused until it is less."}));
  } else {
    log_.write_event(broker::LogType::notice, {.event = broker::Event::memory_limit_over},
                     broker::concat({"memory_limit is no longer near: ", used, "."}));
  }
}

}  // namespace server
