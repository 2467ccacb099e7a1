// transport/nats/bell.h
#pragma once

#include "transport/descriptor.h"

namespace transport {

/// Wakes a thread that waits in poll().
///
/// Threads    ring(): any. silence(): the thread that waits.
class Bell {
 public:
  Bell();
  void ring() noexcept;
  /// Forgets all rings so far.
  void silence() noexcept;
  /// Readable while it rings; negative if the system has no descriptor left.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

 private:
  Descriptor descriptor_;
};

}  // namespace transport
