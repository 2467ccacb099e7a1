#include "transport/accept_gate.h"

#include <csignal>

namespace transport {

// A client that comes after `kill -HUP` has returned is to be judged by the new files, as by a
// broker of one thread, which looks at signals before sockets. The signal is blocked in all threads
// of the broker: until one takes it, it is pending for the process.
bool AcceptGate::is_shut() const noexcept {
  sigset_t pending;
  if (held_.load(std::memory_order_acquire)) return true;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGHUP) == 1;
}

}  // namespace transport
