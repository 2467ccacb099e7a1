#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "broker/bridge/options.h"
#include "broker/core/ids.h"

namespace bridge {

using broker::Instant;

/// The address of the other broker that a bridge connects to, and when the first address is tried
/// again.
///
/// Shape      After a loss the next address has its turn, the first one after the last. With
///            round_robin all are equal. Without, the first is preferred: while a bridge is
///            connected to another one, first_is_due() says now and then that the first one is to
///            be tried.
/// Lifetime   The options outlive it.
/// Threads    None.
class AddressTurn final {
 public:
  /// Requires  At least one address.
  explicit AddressTurn(const Options& options);

  /// Index into Options::addresses.
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  /// For log lines: host and port, or the host alone if that says all.
  [[nodiscard]] std::string text() const;

  /// The connection is lost, or could not be opened: the next address has its turn.
  void advance() noexcept;
  /// The first address has the turn after this one.
  void make_first_next() noexcept;

  /// The bridge is connected: from now on the first address may be due.
  void connected(Instant now) noexcept;
  /// The bridge is not connected any more.
  void ended() noexcept { first_due_at_.reset(); }
  /// Whether the first address is to be tried now; not again until some time has passed.
  [[nodiscard]] bool first_is_due(Instant now) noexcept;
  /// When it is; nothing: never.
  [[nodiscard]] std::optional<Instant> first_due_at() const noexcept { return first_due_at_; }

 private:
  const Options& options_;
  std::size_t index_ = 0;
  std::optional<Instant> first_due_at_;
};

}  // namespace bridge
