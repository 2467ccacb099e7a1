#include "transport/descriptor_line.h"

namespace transport {

void DescriptorLine::write(broker::Log& log, broker::Instant now) {
  std::int64_t next = next_milliseconds_.load(std::memory_order_relaxed);
  if (now.milliseconds < next) return;
  // Of several loops at the same moment one writes.
  if (!next_milliseconds_.compare_exchange_strong(next, now.milliseconds + interval_milliseconds))
    return;
  log.write_event(
      broker::LogType::error, {.event = broker::Event::file_descriptors_exhausted},
      "No more connections can be accepted: too many open files. They wait until others "
      "close.");
}

}  // namespace transport
