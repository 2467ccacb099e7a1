// transport/connection_table.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/ids.h"
#include "transport/connection.h"

namespace transport {

/// The connections of one loop, by slot.
///
/// Shape      Blocks of 64 connections that never move, because libuv holds pointers into them.
/// Invariant  A ConnectionId names one connection for ever: the generation of a slot changes
///            whenever it is used again.
/// Threads    None.
class ConnectionTable {
 public:
  ConnectionTable() = default;

  /// A fresh connection, with its id set.
  [[nodiscard]] Connection& acquire();
  /// Takes the place back; the handle is closed.
  void release(Connection& connection);
  /// The connection of that name; null if it is gone.
  [[nodiscard]] Connection* find(broker::ConnectionId id) noexcept;
  /// Connections that are not released.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  template <typename Visit>
  void each(Visit&& visit) {
    for (std::uint32_t slot = 0; slot < slots_; ++slot) {
      if (at(slot).state != State::free) visit(at(slot));
    }
  }

  /// Visits the connections of `count` slots from `next` on, which it moves on. Returns whether
  /// there are more.
  template <typename Visit>
  bool each_of_some(std::uint32_t& next, std::uint32_t count, Visit&& visit) {
    for (; count > 0 && next < slots_; --count, ++next) {
      if (at(next).state != State::free) visit(at(next));
    }
    return next < slots_;
  }

 private:
  static constexpr std::uint32_t block_size = 64;

  [[nodiscard]] Connection& at(std::uint32_t slot) noexcept {
    assert(slot < slots_);
    return blocks_[slot / block_size][slot % block_size];
  }

  std::vector<std::unique_ptr<Connection[]>> blocks_;
  std::vector<std::uint32_t> free_;  // slots
  std::uint32_t slots_ = 0;          // used at least once
  std::size_t size_ = 0;
};

}  // namespace transport
