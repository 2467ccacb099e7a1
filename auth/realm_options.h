// auth/realm_options.h
#pragma once

#include <string>

namespace auth {

/// The parts of a realm, as the configuration of one listener names them. Empty paths: no such
/// file.
struct RealmOptions {
  std::string password_file;
  std::string acl_file;
  bool allow_anonymous = false;
  bool refuse_open_secrets = true;  ///< a password file that everybody may read is an error
  bool has_roles = false;           ///< the password file is one of administrators

  bool operator==(const RealmOptions&) const = default;
};

}  // namespace auth
