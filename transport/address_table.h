// transport/address_table.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/token_bucket.h"
#include "transport/address_prefix.h"
#include "transport/options.h"

namespace transport {

/// The subject of a count: a network, at one listener or at all of them together.
struct AddressKey {
  static constexpr std::uint16_t every_listener = 0xFFFF;
  AddressPrefix prefix;
  std::uint16_t listener = every_listener;
  auto operator<=>(const AddressKey&) const = default;
};

/// The limits of one network at one listener. 0: no limit.
struct ConnectionBounds {
  std::uint32_t connections_max = 0;    // at once
  broker::TokenBucket::Size rate = {};  // of new ones
};

/// The state of each network: its connections and their rate, the bytes kept before their logins,
/// its failed logins.
///
/// Shape      Sixteen parts with a lock each. Of networks without a connection each part remembers
///            a bounded number, those used last; an entry that has expired is forgotten earlier.
/// Invariant  A network with connections or kept bytes is never forgotten, and there are no more of
///            these than connections. A network that makes room for others loses its ban and its
///            used rate: an attacker with 65,536 networks needs neither.
/// Threads    Any. Touched when a connection comes, when a large CONNECT does, when a connection
///            ends and when a login fails; never for a message.
class AddressTable {
 public:
  static constexpr std::size_t idle_networks_max = 65'536;

  explicit AddressTable(std::size_t idle_max = idle_networks_max)
      : idle_max_(idle_max / parts + (idle_max % parts == 0 ? 0 : 1)) {}

  enum class Answer : std::uint8_t { admitted, too_many, too_fast };

  /// One more connection, unless that is too much. Give an admitted one back with leave().
  [[nodiscard]] Answer enter(const AddressKey& key, const ConnectionBounds& bounds,
                             broker::Instant now);
  void leave(const AddressKey& key);
  /// The same for a rate without a connection: all of a listener together.
  [[nodiscard]] bool take(const AddressKey& key, const broker::TokenBucket::Size& rate,
                          broker::Instant now);

  /// Counts bytes that a connection keeps before its login is answered; give them back with
  /// release(). Returns false, and counts nothing, if the network keeps `bytes_max` already.
  [[nodiscard]] bool keep(const AddressKey& key, std::size_t bytes, std::uint64_t bytes_max,
                          broker::Instant now);
  void release(const AddressKey& key, std::size_t bytes);

  /// Counts a failed login. Returns whether this one brings a ban.
  [[nodiscard]] bool fail(const AddressKey& key, const LoginBounds& bounds, broker::Instant now);
  [[nodiscard]] bool is_banned(const AddressKey& key, broker::Instant now);

  /// A network that may not log in.
  struct Ban {
    AddressPrefix prefix;
    broker::Instant until;
  };
  /// All bans, in the order of their networks.
  ///
  /// Cost      Walks each part under its lock: some hundred microseconds with 100,000 networks.
  [[nodiscard]] std::vector<Ban> bans(broker::Instant now);
  /// Ends the bans of the networks that `hits` names, and forgets their failed logins. Returns how
  /// many bans there were.
  using Hits = std::function<bool(const AddressPrefix&)>;
  std::size_t lift_bans(const Hits& hits, broker::Instant now);

  /// Entries, for tests.
  [[nodiscard]] std::size_t size();

 private:
  static constexpr std::size_t parts = 16;

  struct Entry;
  using Entries = std::map<AddressKey, Entry>;
  using Idle = std::list<AddressKey>;  // used last: at the end
  struct Entry {
    std::uint32_t connections = 0;
    std::uint32_t failures = 0;
    std::uint64_t kept_bytes = 0;  // of connections that wait for their login
    broker::Instant failing_since;
    broker::Instant banned_until;
    broker::Instant keep_until;  // it says something until then
    broker::TokenBucket bucket;
    Idle::iterator idle;  // if it is not in use

    [[nodiscard]] bool in_use() const noexcept { return connections > 0 || kept_bytes > 0; }
  };
  struct Part {
    std::mutex mutex;
    Entries entries;  // a tree: nobody can choose addresses that collide
    Idle idle;
  };

  [[nodiscard]] Part& part_of(const AddressKey& key) noexcept;
  [[nodiscard]] Entry& touch(Part& part, const AddressKey& key, broker::Instant now);
  [[nodiscard]] static bool take(Entry& entry, const broker::TokenBucket::Size& rate,
                                 broker::Instant now);
  void forget(Part& part, broker::Instant now) const;
  static void begin_use(Part& part, const Entry& entry);
  void end_use(Part& part, Entries::iterator entry) const;

  std::size_t idle_max_;  // of each part
  std::array<Part, parts> parts_;
};

}  // namespace transport
