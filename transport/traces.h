// transport/traces.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/ids.h"
#include "transport/trace.h"

namespace transport {

/// The traces of a process: begins and ends them.
///
/// Shape      begin() -> find() and Trace::read(), again and again -> end(), or 15 s without a
/// read. Invariant  A place in the list is taken again only after a list without the former trace
/// was in
///            force on all loops: the sets of connections name places.
/// Threads    The main thread.
class Traces {
 public:
  /// Puts a list in force on all loops, and returns when it is.
  using PutInForce = std::function<void(const std::shared_ptr<const TraceList>&)>;

  explicit Traces(PutInForce put_in_force) : put_in_force_(std::move(put_in_force)) {}

  /// Errors    One sentence: there are traces_max already.
  [[nodiscard]] std::expected<std::shared_ptr<Trace>, std::string> begin(TraceFilter filter,
                                                                         broker::Instant now);
  /// The trace of a number; null: there is none, or it was not read for too long.
  [[nodiscard]] std::shared_ptr<Trace> find(std::uint64_t number, broker::Instant now);
  /// Returns   False if there is no such trace.
  bool end(std::uint64_t number);
  /// All that are not over.
  [[nodiscard]] std::vector<std::shared_ptr<Trace>> all(broker::Instant now);

 private:
  /// Ends those that are not read.
  void expire(broker::Instant now);
  void put_in_force() { put_in_force_(std::make_shared<const TraceList>(list_)); }

  PutInForce put_in_force_;
  TraceList list_;
  std::uint64_t last_number_ = 0;
};

}  // namespace transport
