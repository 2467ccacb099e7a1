#pragma once

#include <cstddef>

#include "tools/darter-bench/histogram.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/report.h"
#include "tools/socket/descriptor.h"

namespace bench {

/// The floor of durability: writes a page and syncs it, again and again, and nothing else. No
/// broker can acknowledge a lone durable message in less time on this disk.
///
/// Shape      Two floors. A plain log appends: the new size of the file is synced as well. A log
///            that is reused rewrites pages of a file that has its size already.
class SyncFloor {
 public:
  SyncFloor(const Options& options, Report& report) : options_(options), report_(report) {}

  /// Returns   False if the file cannot be made, written or synced; the report says why.
  [[nodiscard]] bool run();

 private:
  using Sync = int (*)(int descriptor);

  /// Writes pages for half of the time, from the page `first` on and below `end`, then again.
  [[nodiscard]] bool measure(const sockets::Descriptor& file, std::size_t first, std::size_t end,
                             Sync sync, Histogram& latency);
  void tell(const char* kind, const Histogram& latency);
  [[nodiscard]] bool fail(const char* what);

  const Options& options_;
  Report& report_;
};

}  // namespace bench
