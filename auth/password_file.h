#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auth/password_hash.h"
#include "auth/role.h"
#include "auth/text_file.h"

namespace auth {

/// The users of one password file.
///
/// Shape      Lines of "USER:HASH" as Mosquitto reads them: '#' in the first column begins a
///            comment, a line without a colon is passed over, spaces and a carriage return at the
///            ends of user and hash do not count, of two lines for one user the last holds (with a
///            warning), and text after a second colon is ignored. Lines of administrators may be
///            "USER:HASH:ROLE"; without a role they have Role::read_only.
/// Lifetime   An immutable snapshot of the file as it was when it was loaded.
/// Threads    Any, once loaded.
class PasswordFile {
 public:
  /// Whether text after a second colon is a role; then one that is unknown is a fault.
  enum class Roles : std::uint8_t { ignored, read };

  /// Reads the file at `path`.
  ///
  /// Errors    "PATH:LINE: FAULT", one line of text for each fault. A hash is one that is
  ///           malformed, of an unknown kind, or costly beyond reason. If the file is to be secret,
  ///           it is one that everybody on the machine may read it (its group may: brokers are
  ///           often given a file as root:mosquitto 0640).
  [[nodiscard]] static std::expected<PasswordFile, std::string> load(const std::string& path,
                                                                     Privacy privacy,
                                                                     Roles roles = Roles::ignored);

  /// Reads the text of such a file; `name` stands for it in errors.
  [[nodiscard]] static std::expected<PasswordFile, std::string> parse(std::string_view text,
                                                                      const std::string& name,
                                                                      Roles roles = Roles::ignored);

  /// Returns   The hash of `user`, or null if there is no such user.
  [[nodiscard]] const PasswordHash* find(std::string_view user) const;

  /// The role of `user`: Role::read_only unless a line that was read with its role says more.
  [[nodiscard]] Role role_of(std::string_view user) const;

  /// The hash to verify against for an unknown user: it costs as much as the hash of most users of
  /// this file, so that the time of an answer does not tell which users exist.
  [[nodiscard]] const PasswordHash& decoy() const noexcept { return decoy_; }

  [[nodiscard]] std::size_t size() const noexcept { return users_.size(); }

  /// Warnings "PATH:LINE: TEXT", one for each user with several lines.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// Users of this file that `next` lacks, or has with another hash. Sorted.
  [[nodiscard]] std::vector<std::string> changed_in(const PasswordFile& next) const;

  /// All of them, sorted.
  [[nodiscard]] std::vector<std::string> users() const;

 private:
  using Users = std::map<std::string, PasswordHash, std::less<>>;
  using Admins = std::set<std::string, std::less<>>;
  PasswordFile(Users users, Admins admins, PasswordHash decoy, std::vector<std::string> warnings);

  Users users_;
  Admins admins_;  // the users with Role::admin
  PasswordHash decoy_;
  std::vector<std::string> warnings_;
};

}  // namespace auth
