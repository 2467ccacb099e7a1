#pragma once

namespace transport {

/// A part of a loop that is neither its shard nor a client's socket: bridges.
///
/// Threads    Its loop's, but for its end, which comes after the loop's thread has ended.
class Resident {
 public:
  Resident() = default;
  virtual ~Resident() = default;
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;

  /// Does the work that is due: called in each turn, before the shard's output is drained.
  ///
  /// Returns   Whether more is due: then the loop does not wait for its sockets.
  virtual bool work() = 0;
  /// Called every 100 ms or so.
  virtual void tick() = 0;
  /// The end of the process begins, while the shard and its clients are as they were.
  virtual void stop() = 0;
  /// After stop(): whether it has sent all that it has to say.
  [[nodiscard]] virtual bool has_ended() const = 0;
};

}  // namespace transport
