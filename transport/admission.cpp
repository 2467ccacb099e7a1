// The cost of a refusal decides how polite it is. A banned address is closed at once, before any of
// its bytes is read: it has had its answers. Others get the protocol's own answer, but only so many
// at a time, so that a flood is closed at once.

#include "transport/admission.h"

#include <cassert>
#include <utility>

namespace transport {

namespace {

using broker::Refusal;

broker::TokenBucket::Size size_of(std::uint32_t per_second, std::uint32_t burst) noexcept {
  return {per_second, burst != 0 ? burst : per_second};
}

/// Whether Mosquitto has the limit, too; it closes connections above it without an answer.
bool is_of_mosquitto(Refusal refusal) noexcept {
  return refusal == Refusal::max_connections || refusal == Refusal::global_max_connections;
}

}  // namespace

std::optional<Refusal> Admission::enter(ConnectionCharge& charge,
                                        ConnectionCount& of_listener) const {
  assert(charge.as == ConnectionCharge::As::nothing);
  if (!of_listener.enter()) return Refusal::max_connections;
  if (!all_.enter()) {
    of_listener.leave();
    return Refusal::global_max_connections;
  }
  charge.as = ConnectionCharge::As::connection;
  return std::nullopt;
}

/// The address comes first: a connection that is refused for its address takes nothing of the rate
/// that all share.
std::optional<Refusal> Admission::admit(ConnectionCharge& charge, const ListenerOptions& listener,
                                        const PeerAddress& address, broker::Instant now) const {
  const AdmissionOptions& limits = listener.admission;
  if (!limits.is_on() && options_.logins.failures_max == 0) return std::nullopt;
  if (const auto prefix = prefix_of(address)) {
    if (const auto refusal = admit_address(charge, *prefix, listener, now)) return refusal;
  }
  if (limits.rate == 0) return std::nullopt;
  const AddressKey everybody{AddressPrefix(), listener.index};
  if (addresses_.take(everybody, size_of(limits.rate, limits.burst), now)) return std::nullopt;
  return Refusal::connection_rate;
}

std::optional<Refusal> Admission::admit_address(ConnectionCharge& charge,
                                                const AddressPrefix& prefix,
                                                const ListenerOptions& listener,
                                                broker::Instant now) const {
  if (options_.logins.failures_max != 0 && addresses_.is_banned({prefix}, now)) {
    return Refusal::banned;
  }
  const AdmissionOptions& limits = listener.admission;
  if (!limits.is_by_address()) return std::nullopt;
  const AddressKey key{prefix, listener.index};
  const ConnectionBounds bounds{limits.connections_per_address_max,
                                size_of(limits.rate_per_address, limits.burst_per_address)};
  switch (addresses_.enter(key, bounds, now)) {
    case AddressTable::Answer::too_many:
      return Refusal::connections_per_address;
    case AddressTable::Answer::too_fast:
      return Refusal::connection_rate_per_address;
    case AddressTable::Answer::admitted:
      break;
  }
  charge.address = std::make_unique<AddressKey>(key);
  return std::nullopt;
}

void Admission::count_address(ConnectionCharge& charge, const ListenerOptions& listener,
                              const PeerAddress& address, broker::Instant now) const {
  if (charge.as != ConnectionCharge::As::connection || charge.address != nullptr) return;
  const auto prefix = prefix_of(address);
  if (!prefix) return;
  const AddressKey key{*prefix, listener.index};
  static_cast<void>(addresses_.enter(key, {}, now));  // nothing bounds that
  charge.address = std::make_unique<AddressKey>(key);
}

bool Admission::keep_login_bytes(ConnectionCharge& charge, const PeerAddress& address,
                                 std::size_t bytes, broker::Instant now) const {
  const std::uint64_t bytes_max = options_.login_bytes_per_address_max;
  if (bytes_max == 0 || bytes <= LoginBytes::free_bytes) return true;
  if (charge.login_bytes == nullptr) {
    const auto prefix = prefix_of(address);
    if (!prefix) return true;
    charge.login_bytes = std::make_unique<LoginBytes>(addresses_, AddressKey{*prefix});
  }
  return charge.login_bytes->grow_to(bytes, bytes_max, now);
}

bool Admission::turn_away(ConnectionCharge& charge, ConnectionCount& of_listener, Refusal refusal,
                          bool inside_tls, broker::Instant now) {
  leave(charge, of_listener);
  if (refusal == Refusal::banned || turned_away_ == turned_away_max) return false;
  if (options_.refuse_silently && is_of_mosquitto(refusal)) return false;
  if (inside_tls && !answers_inside_tls_.take(1, answers_inside_tls, now)) return false;
  ++turned_away_;
  charge.as = ConnectionCharge::As::turned_away;
  charge.refusal = refusal;
  return true;
}

void Admission::leave(ConnectionCharge& charge, ConnectionCount& of_listener) {
  release_login_bytes(charge);
  if (const auto address = std::exchange(charge.address, nullptr)) addresses_.leave(*address);
  switch (std::exchange(charge.as, ConnectionCharge::As::nothing)) {
    case ConnectionCharge::As::nothing:
      return;
    case ConnectionCharge::As::turned_away:
      --turned_away_;
      return;
    case ConnectionCharge::As::connection:
      of_listener.leave();
      all_.leave();
      return;
  }
}

std::optional<AddressKey> Admission::login_key(const PeerAddress& address) const {
  if (options_.logins.failures_max == 0) return std::nullopt;
  const auto prefix = prefix_of(address);
  return prefix ? std::optional(AddressKey{*prefix}) : std::nullopt;
}

/// The key that an address counts by; nothing: it is exempt.
std::optional<AddressPrefix> Admission::prefix_of(const PeerAddress& address) const {
  if (address.is_unix() || options_.limits_exempt.contains(address)) return std::nullopt;
  return AddressPrefix(address, options_.address_prefix_ipv6_bits);
}

}  // namespace transport
