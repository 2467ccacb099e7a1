// broker/core/drop_log.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/core/drops.h"
#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/core/metrics.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/core/tracer.h"

namespace broker {

/// Counts dropped messages, by client and reason, and logs them at a bounded rate.
///
/// Shape      A client's first drop is a line at once; later drops are a line for each interval
///            with any. The number of lines of each kind is bounded for each interval, over all
///            clients; the others are summed up in one.
/// Threads    None.
class DropLog {
 public:
  DropLog(Metrics& metrics, Log& log, const Tracer& tracer = untraced)
      : metrics_(metrics), log_(log), tracer_(tracer) {}

  void count(Session& session, DropReason reason);
  /// For the parts that drop.
  [[nodiscard]] const Tracer& tracer() const noexcept { return tracer_; }
  /// To be called every second or so. Sessions may have ended since.
  void tell(SessionTable& sessions, Instant now);

 private:
  struct Listed {
    SessionIndex index;
    std::uint64_t number;
  };

  void say_what(const Session& session, DropCounts& counts);

  Metrics& metrics_;
  Log& log_;
  const Tracer& tracer_;
  std::vector<Listed> listed_;
  std::size_t lines_ = 0;  // in this interval
  Instant next_;
};

}  // namespace broker
