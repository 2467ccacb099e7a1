#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/acl_file.h"
#include "auth/password_file.h"
#include "auth/realm_options.h"
#include "broker/core/access.h"

namespace auth {

/// The users of one listener (or of all listeners that share their settings), and their
/// permissions.
///
/// Lifetime   An immutable snapshot: a reload makes a new one and swaps it in.
/// Threads    Any, once loaded.
class Realm {
 public:
  /// Reads the files.
  ///
  /// Errors    "PATH:LINE: FAULT", one line of text for each fault of the two files.
  [[nodiscard]] static std::expected<std::shared_ptr<const Realm>, std::string> load(
      const RealmOptions& options);

  /// A realm that lets nobody in.
  [[nodiscard]] static std::shared_ptr<const Realm> nobody();

  [[nodiscard]] bool allow_anonymous() const noexcept { return allow_anonymous_; }

  /// Null: no password file, so that no password can be right or wrong.
  [[nodiscard]] const PasswordFile* passwords() const noexcept;

  [[nodiscard]] bool has_acl() const noexcept { return acl_.has_value(); }

  /// The permissions of `user` (nullopt: a client without a user name). Null: there is no ACL file,
  /// and everything is allowed, as broker::Verdict has it.
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions(
      const std::optional<std::string>& user) const;

  /// Warnings about files that can be used all the same: "PATH:LINE: TEXT".
  [[nodiscard]] std::vector<std::string> warnings() const;

  /// The users with logins that `next` would judge differently.
  ///
  /// Returns   The users that `next` lacks or has with another hash, sorted: disconnect them.
  [[nodiscard]] std::vector<std::string> users_changed_in(const Realm& next) const;

  /// Users of the password file here that have no line in that of `next`, sorted.
  [[nodiscard]] std::vector<std::string> users_gone_in(const Realm& next) const;

  /// Are clients without a user name let in here, and not by `next`? Then they have to go.
  [[nodiscard]] bool anonymous_refused_in(const Realm& next) const noexcept;

  /// Whether any user name is accepted here, because there is no password file, and not in `next`:
  /// then disconnect the clients that gave one.
  [[nodiscard]] bool unchecked_refused_in(const Realm& next) const noexcept;

  /// Does `next` allow the same to everybody? If not, ask permissions() afresh for each session.
  [[nodiscard]] bool same_access_in(const Realm& next) const;

 private:
  Realm() = default;

  std::optional<PasswordFile> passwords_;
  std::optional<AclFile> acl_;
  bool allow_anonymous_ = false;
};

}  // namespace auth
