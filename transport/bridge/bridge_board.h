#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace transport {

/// The figures of one bridge, or of one connection of it, since it was made.
struct BridgeFigures {
  bool is_connected = false;
  std::uint64_t sent = 0;        // messages to the other broker
  std::uint64_t received = 0;    // messages from it
  std::uint64_t dropped = 0;     // messages that could not cross
  std::uint64_t queued = 0;      // messages that wait here, or are in flight
  std::uint64_t reconnects = 0;  // connections after the first
  std::string last_error{};      // why the last connection ended or did not come about; empty: none

  bool operator==(const BridgeFigures&) const = default;
};

/// The figures of all bridges, by the client ids of their sessions: written by the loops, read by
/// others.
///
/// Threads    Any.
class BridgeBoard {
 public:
  void put(const std::string& id, const BridgeFigures& figures) {
    const std::scoped_lock lock(mutex_);
    figures_[id] = figures;
  }
  void remove(const std::string& id) {
    const std::scoped_lock lock(mutex_);
    figures_.erase(id);
  }
  [[nodiscard]] std::map<std::string, BridgeFigures> all() const {
    const std::scoped_lock lock(mutex_);
    return figures_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, BridgeFigures> figures_;  // under mutex_
};

}  // namespace transport
