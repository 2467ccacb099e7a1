#pragma once

#include "tools/darter-bench/options.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// The floor of durability: writes a page of a file and syncs it, again and again, and nothing
/// else. No broker can acknowledge a lone message for good in less time on this disk.
///
/// Shape      The file has its full size before: a sync that has to record a new size as well takes
///            longer, and a write-ahead log that is used again spares it that.
class SyncFloor {
 public:
  SyncFloor(const Options& options, Report& report) : options_(options), report_(report) {}

  /// Returns   False if the file cannot be made, written or synced; the report says why.
  [[nodiscard]] bool run();

 private:
  [[nodiscard]] bool fail(const char* what);

  const Options& options_;
  Report& report_;
};

}  // namespace bench
