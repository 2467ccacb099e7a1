// transport/address_race.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/core/ids.h"
#include "transport/peer_address.h"

namespace transport {

/// How long a race may last.
///
/// Units      Milliseconds. The pause is the Connection Attempt Delay of RFC 8305, section 5, which
///            recommends 250 and forbids less than 10.
struct RaceTimes {
  std::int64_t pause_milliseconds = 250;
  std::int64_t timeout_milliseconds = 30'000;

  bool operator==(const RaceTimes&) const = default;
};

/// Which of a name's addresses is tried when, so that one that does not answer costs a moment and
/// not a time-out: Happy Eyeballs.
///
/// Shape      Families take turns, beginning with that of the first address; within a family the
///            order stays that of the resolver (RFC 6724). An attempt begins when the one before it
///            has failed, or when it has not succeeded for a pause. Attempts go on beside each
///            other; the first that succeeds wins, and the caller gives up the others.
/// Invariant  No address is tried twice. Time never runs backwards.
/// Threads    None. It opens no socket and knows no clock.
/// Source     RFC 8305, sections 4 and 5.
class AddressRace {
 public:
  /// An address by its place in addresses().
  using Attempt = std::size_t;

  enum class State : std::uint8_t {
    running,
    won,        ///< an attempt has succeeded
    failed,     ///< all have failed; without an address at once
    timed_out,  ///< no attempt has succeeded in time; the caller gives up those that go on
  };

  AddressRace(std::vector<PeerAddress> addresses, const RaceTimes& times, broker::Instant now);

  /// In the order in which they are tried.
  [[nodiscard]] const std::vector<PeerAddress>& addresses() const noexcept { return addresses_; }
  /// The address that is to be tried now; nothing: none. To be called until it returns nothing,
  /// after every other call and at next_wake().
  [[nodiscard]] std::optional<Attempt> next(broker::Instant now) noexcept;
  /// When next() may have something to say though nothing else happens. Nothing once it is over.
  [[nodiscard]] std::optional<broker::Instant> next_wake() const noexcept;
  /// An attempt could not be begun, or its connection was refused.
  ///
  /// Requires  next() gave it, and it is neither failed nor won.
  void failed(Attempt attempt) noexcept;
  /// An attempt has a connection. Requires as failed().
  void succeeded(Attempt attempt) noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }

 private:
  std::vector<PeerAddress> addresses_;
  std::int64_t pause_milliseconds_;
  broker::Instant end_;
  broker::Instant next_at_;      // when the next attempt is due
  std::size_t begun_ = 0;        // attempts, in order
  std::size_t in_progress_ = 0;  // of them
  State state_ = State::running;
};

/// The addresses with families taking turns (RFC 8305, section 4).
[[nodiscard]] std::vector<PeerAddress> interleave_families(std::vector<PeerAddress> addresses);

}  // namespace transport
