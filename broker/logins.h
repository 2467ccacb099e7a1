// broker/logins.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/core/access.h"
#include "broker/core/connect_rules.h"
#include "broker/core/connection.h"
#include "broker/core/outbox.h"
#include "broker/shard.h"
#include "broker/wire/bytes.h"
#include "broker/wire/connect.h"

namespace broker {

/// Logins under way: the CONNECT of a user that has to be checked waits for the verdict.
///
/// Shape      ask() -> LoginRequest in the outbox ... verdict -> decided() -> accepted
///                                                                         -> denied
///                                                                         -> unfit
///                 ^------------------------------------------------------ -> asked again
/// Invariant  A connection has at most one login under way. Meanwhile its `tail` begins with the
///            CONNECT; packets behind it are handled after the verdict. A verdict that was asked
///            for before a reload admits no client.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Section 3.1.4.
class Logins final {
 public:
  enum class Outcome : std::uint8_t {
    accepted,
    denied,       ///< by the verdict
    unfit,        ///< by the rules for a CONNECT, which were replaced meanwhile
    asked_again,  ///< the verdict counts for nothing
  };
  /// Lifetime   `packet` points into the connection's tail.
  struct Decision {
    Outcome outcome = Outcome::accepted;
    mqtt::Connect packet;
    std::size_t packet_bytes = 0;  // of CONNECT, at the front of the tail
    mqtt::Failure failure{};       // if denied or unfit
  };

  Logins(const ShardOptions& options, const ConnectRules& rules, Outbox& outbox)
      : options_(options), rules_(rules), outbox_(outbox) {}

  /// Asks whether the client of a CONNECT may come in.
  ///
  /// Requires  ConnectRules::identify() has been called for the packet.
  void ask(Connection& connection, const mqtt::Connect& packet);
  /// Takes the verdict on the CONNECT at the front of the connection's tail. Unless it is asked
  /// again, the password in the tail is wiped, and the connection expects CONNECT once more.
  ///
  /// Requires  ask() was called for the connection, and no other verdict came since.
  [[nodiscard]] Decision decided(Connection& connection, const Verdict& verdict);
  /// Users, rules or listeners were replaced: verdicts that were asked for until now are outdated.
  void outdate() noexcept { ++reloads_; }

 private:
  /// Why a CONNECT that was good when it came is not any more.
  [[nodiscard]] std::optional<mqtt::Failure> check_again(const Connection& connection,
                                                         const mqtt::Connect& packet) const;

  const ShardOptions& options_;
  const ConnectRules& rules_;
  Outbox& outbox_;
  std::uint32_t reloads_ = 0;  // calls of outdate(): see Connection::login_asked_in
};

}  // namespace broker
