// transport/acceptors.h
#pragma once

#include <memory>
#include <vector>

#include "broker/core/ids.h"
#include "transport/acceptor.h"
#include "transport/listener.h"

namespace transport {

class Loop;

/// The acceptors of one loop, one for each socket of each listener.
///
/// Shape      open() -> replace() at each reload -> pause(), or close().
/// Invariant  All of them pause while descriptors are out, and go on together.
/// Lifetime   A part of the loop, which outlives it; close() and one more turn come before its end.
/// Threads    Its loop's only.
class Acceptors {
 public:
  explicit Acceptors(Loop& loop) : loop_(loop) {}
  Acceptors(const Acceptors&) = delete;
  Acceptors& operator=(const Acceptors&) = delete;

  /// Accepts from these. Returns 0, or libuv's error.
  [[nodiscard]] int open(const std::vector<std::shared_ptr<Listener>>& listeners);
  /// Accepts from these and from no others; a listener that stays keeps its acceptors.
  void replace(const std::vector<std::shared_ptr<Listener>>& listeners);
  /// Ends accepting for good.
  void pause();
  void close();

  /// Whether connections that wait may be accepted now; if not, they are looked at again after
  /// Loops::release_accepting().
  [[nodiscard]] bool may_accept();
  void release();

  /// accept() failed for want of descriptors, or took one of the last: all wait for a while.
  void out_of_descriptors();
  /// Goes on accepting once descriptors are free. To be called every 100 ms or so.
  void tick();

 private:
  [[nodiscard]] bool is_waiting() const noexcept { return resume_.milliseconds != 0; }
  [[nodiscard]] int add(const std::shared_ptr<Listener>& listener);
  void end(std::unique_ptr<Acceptor> acceptor, bool for_good);

  Loop& loop_;
  std::vector<std::unique_ptr<Acceptor>> open_;
  std::vector<std::unique_ptr<Acceptor>> closing_;  // until libuv has let go of them
  broker::Instant resume_;                          // 0: nothing waits for descriptors
  bool held_ = false;                               // from may_accept() to release()
};

}  // namespace transport
