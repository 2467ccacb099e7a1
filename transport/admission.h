#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "broker/core/ids.h"
#include "broker/core/refusals.h"
#include "broker/core/token_bucket.h"
#include "transport/address_prefix.h"
#include "transport/address_table.h"
#include "transport/connection_count.h"
#include "transport/login_bytes.h"
#include "transport/options.h"
#include "transport/peer_address.h"

namespace transport {

/// The counts that include one connection. Admission alone changes it.
///
/// Lifetime   Moves with its connection from loop to loop; Admission::leave() gives it back.
struct ConnectionCharge {
  enum class As : std::uint8_t {
    nothing,
    connection,   ///< one of the listener's and of the broker's
    turned_away,  ///< over a limit: it gets an answer and is closed
  };

  std::unique_ptr<AddressKey> address;      // null: it does not count by its address
  std::unique_ptr<LoginBytes> login_bytes;  // null: they are few, or do not count
  As as = As::nothing;
  broker::Refusal refusal{};  // of one that is turned away
};

/// Admission of clients: counts connections for the limits of their listener, of the broker and of
/// their address.
///
/// Shape      enter() -> admit() -> leave(); turn_away() in place of either after a refusal. Both
///            return a refusal or nothing.
/// Invariant  At most turned_away_max connections over a limit get an answer at a time.
/// Threads    Its loop's only; the counts that loops share are safe from any.
class Admission {
 public:
  static constexpr std::size_t turned_away_max = 256;
  /// An answer inside of TLS takes a handshake, which costs more than all that a limit saves.
  static constexpr broker::TokenBucket::Size answers_inside_tls{.per_second = 20, .burst = 20};

  /// `options` are the loop's, which a reload changes in place.
  Admission(const LoopOptions& options, AddressTable& addresses, ConnectionCount& all) noexcept
      : options_(options), addresses_(addresses), all_(all) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Counts a connection as one of its listener's and of the broker's.
  [[nodiscard]] std::optional<broker::Refusal> enter(ConnectionCharge& charge,
                                                     ConnectionCount& of_listener) const;
  /// Counts it by its address, once that is known for good, and against the rates.
  [[nodiscard]] std::optional<broker::Refusal> admit(ConnectionCharge& charge,
                                                     const ListenerOptions& listener,
                                                     const PeerAddress& address,
                                                     broker::Instant now) const;
  /// Counts by its address a connection that came before there was such a limit; nothing refuses
  /// it.
  void count_address(ConnectionCharge& charge, const ListenerOptions& listener,
                     const PeerAddress& address, broker::Instant now) const;
  /// Counts the bytes that are kept of a connection because its login is not answered. Returns
  /// false if its address keeps too many.
  [[nodiscard]] bool keep_login_bytes(ConnectionCharge& charge, const PeerAddress& address,
                                      std::size_t bytes, broker::Instant now) const;
  /// None are kept any more.
  static void release_login_bytes(ConnectionCharge& charge) noexcept { charge.login_bytes.reset(); }
  /// Gives back the counts of a refused connection. Returns whether the refusal may be answered; if
  /// not, the connection is to be closed at once.
  [[nodiscard]] bool turn_away(ConnectionCharge& charge, ConnectionCount& of_listener,
                               broker::Refusal refusal, bool inside_tls, broker::Instant now);
  /// Gives back the counts of a connection; does nothing the second time.
  void leave(ConnectionCharge& charge, ConnectionCount& of_listener);

  /// The key that failed logins from an address count against; nothing: they do not count.
  [[nodiscard]] std::optional<AddressKey> login_key(const PeerAddress& address) const;
  [[nodiscard]] bool is_banned(const AddressKey& key, broker::Instant now) const {
    return addresses_.is_banned(key, now);
  }
  /// Returns whether this one brings a ban.
  [[nodiscard]] bool count_failed_login(const AddressKey& key, broker::Instant now) const {
    return addresses_.fail(key, options_.logins, now);
  }

 private:
  [[nodiscard]] std::optional<AddressPrefix> prefix_of(const PeerAddress& address) const;
  [[nodiscard]] std::optional<broker::Refusal> admit_address(ConnectionCharge& charge,
                                                             const AddressPrefix& prefix,
                                                             const ListenerOptions& listener,
                                                             broker::Instant now) const;

  const LoopOptions& options_;
  AddressTable& addresses_;
  ConnectionCount& all_;
  std::size_t turned_away_ = 0;  // at present
  broker::TokenBucket answers_inside_tls_;
};

}  // namespace transport
