// broker/core/access.h
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/secret.h"
#include "broker/wire/reason.h"

namespace broker {

/// The kinds of access that permissions decide about.
enum class Access : std::uint8_t {
  publish,    ///< a PUBLISH from the client, or its will
  subscribe,  ///< a topic filter in SUBSCRIBE
  receive,    ///< a message on its way to the client
};

/// The client of a request: its id and address take the place of %c and %a in patterns of an ACL.
///
/// Lifetime   Of the texts it points to.
struct Identity {
  std::string_view client_id;
  /// The client's own address, as log lines show it, also where proxies are in between; "unix" for
  /// a unix socket. Empty: none is known, for the client has not connected since the start.
  std::string_view address{};
};

/// The permissions of one user: immutable; the login hands them to the core.
///
/// Lifetime   Shared by all connections of a user; a reload makes a new one and leaves this alone.
/// Threads    Any: every member is const and touches no mutable state.
class Permissions {
 public:
  Permissions() = default;
  virtual ~Permissions() = default;
  Permissions(const Permissions&) = delete;
  Permissions& operator=(const Permissions&) = delete;

  /// May this user do `access` with `topic`?
  ///
  /// `topic` is a topic name for publish and receive, a topic filter for subscribe (without the
  /// "$share/NAME/" in front). A filter is refused only if nothing it can match could be received.
  [[nodiscard]] virtual bool allows(Access access, std::string_view topic,
                                    const Identity& who) const = 0;

  /// The line that decides allows(), as the end of a sentence: "by /etc/acl:7", or that no line
  /// grants it.
  [[nodiscard]] virtual std::string decided_by(Access /*access*/, std::string_view /*topic*/,
                                               const Identity& /*who*/) const {
    return "its rights do not grant it";
  }

  /// Whether an answer depends on the address. Only then an absent client's has to be remembered.
  [[nodiscard]] virtual bool names_address() const noexcept { return false; }
};

/// The question whether the client of a CONNECT may log in.
///
/// Lifetime   Owns all of it. The password is wiped as soon as it is checked, or with the request.
struct LoginRequest {
  ConnectionId connection;          ///< which waits for Shard::decided()
  std::uint16_t listener = 0;       ///< its number: it stands for the listener's users and rules
  std::optional<std::string> user;  ///< the user name of CONNECT
  std::optional<Secret> password;   ///< the password of CONNECT
  bool verified = false;            ///< TLS proved the user: there is no password to check
  std::string client_id;
  std::string address;  ///< of the client, without the port: failures are counted by it
};

/// The answer to a login.
///
/// `permissions` null means everything is allowed; it is meaningless unless reason is success.
struct Verdict {
  mqtt::Reason reason = mqtt::Reason::success;
  std::shared_ptr<const Permissions> permissions;
  std::string_view why{};  // of a refusal, for the log only: "wrong password"; static text
};

/// Whether a login failed because of the client's credentials, so that it counts as failed.
[[nodiscard]] constexpr bool is_wrong_login(mqtt::Reason reason) noexcept {
  return reason == mqtt::Reason::not_authorized ||
         reason == mqtt::Reason::bad_user_name_or_password;
}

/// Answers for users that are not connected: check_retain_source asks whether the publisher of a
/// retained message might still publish it.
///
/// Threads    Any.
class Authority {
 public:
  Authority() = default;
  virtual ~Authority() = default;
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// The permissions of a listener's user now; null if everything is allowed.
  [[nodiscard]] virtual std::shared_ptr<const Permissions> permissions_of(
      std::uint16_t listener, std::string_view user_name) const = 0;
};

}  // namespace broker
