// broker/server/memory_watch.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/shard.h"
#include "transport/descriptor.h"

namespace server {

/// Bytes that are allocated now.
///
/// Cost      The allocator looks at everything that is free in it, and keeps others waiting
///           meanwhile.
[[nodiscard]] std::size_t heap_bytes() noexcept;

/// Measures the heap, and tells the shards how much they may still take of memory_limit.
///
/// Shape      The allocator is asked, as only it knows of every buffer, table and library; and not
///            at each allocation, as that would make each dearer. Between two measurements a shard
///            counts newly kept bytes. The resident size is read first: while it is far from the
///            limit, so is the heap, and the allocator is left alone.
/// Invariant  Hysteresis: "near" begins at nine tenths of the limit and ends at eight. Fragmented
///            free memory does not count, or the state would never end.
/// Threads    One. The shards read an atomic.
class MemoryWatch {
 public:
  static constexpr std::int64_t interval_milliseconds = 100;

  /// `limit_bytes`: 0 means none.
  MemoryWatch(std::uint64_t limit_bytes, broker::SharedMemory& shared, broker::Log& log);

  /// Another limit; 0: none.
  void set_limit(std::uint64_t limit_bytes);

  [[nodiscard]] bool on() const noexcept { return limit_bytes_ != 0; }
  /// To be called every 100 ms or so; does nothing if there is no limit.
  void look();
  /// Gives unused memory that the allocator holds back to the system, if it is much more than
  /// could not be given back before. That amount counts for an eighth less with each call that
  /// looks. Looks once in `return_seconds`, however often it is called.
  ///
  /// Cost      The allocator keeps others waiting for some milliseconds.
  void give_back(broker::Instant now);
  static constexpr std::int64_t return_seconds = 60;

 private:
  [[nodiscard]] std::size_t resident_bytes() const noexcept;
  /// Resident, and in no use.
  [[nodiscard]] std::size_t unused_bytes() const noexcept;
  void say(std::size_t used_bytes);

  std::int64_t limit_bytes_ = 0;
  broker::SharedMemory& shared_;
  broker::Log& log_;
  transport::Descriptor resident_;      // of /proc/self/statm
  std::size_t unreturnable_bytes_ = 0;  // unused after the last give_back(): pieces of pages
  broker::Instant next_return_;
  bool near_ = false;
  broker::Instant next_look_;
  broker::Instant next_line_;
  bool said_near_ = false;
};

}  // namespace server
