// broker/server/http/admins.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "auth/role.h"
#include "broker/core/ids.h"

namespace auth {
class Realm;
}

namespace server {

/// A user of the API with a login.
struct Admin {
  std::string name;
  auth::Role role = auth::Role::read_only;
};

/// The users of admin_file, and their sessions in browsers.
///
/// Shape      open() -> a token, which is a cookie's value -> find(), each request -> close().
/// Invariant  A session ends when its user is gone or has another password. A change of the role
///            holds for the next request. Of tokens only hashes are kept, so neither memory nor
///            the time of a comparison tells one.
/// Bounds     sessions_max and sessions_of_user_max: the session that was used least recently ends.
///            A session ends after idle_milliseconds without a request, or after
///            life_milliseconds.
/// Threads    Any.
class Admins {
 public:
  static constexpr std::size_t sessions_max = 256;
  static constexpr std::size_t sessions_of_user_max = 16;
  static constexpr std::int64_t idle_milliseconds = 3'600'000;
  static constexpr std::int64_t life_milliseconds = std::int64_t{12} * 3'600'000;

  /// Puts the users of a realm in force. One without passwords, or null: there is no admin_file.
  void replace(std::shared_ptr<const auth::Realm> realm);
  /// Whether there is an admin_file.
  [[nodiscard]] bool is_on() const;
  /// A user of the file, by name.
  [[nodiscard]] std::optional<Admin> user(std::string_view name) const;

  /// Begins a session of a user whose password was right. Returns its token.
  [[nodiscard]] std::string open(std::string_view name, broker::Instant now);
  /// The user of a session that has not ended.
  [[nodiscard]] std::optional<Admin> find(std::string_view token, broker::Instant now);
  void close(std::string_view token);

 private:
  using Key = std::array<unsigned char, 32>;  // the hash of a token
  struct Session {
    std::string name;
    broker::Instant opened;
    broker::Instant used;
  };
  using Sessions = std::map<Key, Session>;

  [[nodiscard]] static Key key_of(std::string_view token);
  [[nodiscard]] std::optional<Admin> locked_user(std::string_view name) const;
  [[nodiscard]] static bool is_over(const Session& session, broker::Instant now) noexcept;
  void make_room(std::string_view name, broker::Instant now);
  void drop_oldest(std::string_view name);

  mutable std::mutex mutex_;
  std::shared_ptr<const auth::Realm> realm_;  // under mutex_
  Sessions sessions_;                         // under mutex_
};

}  // namespace server
