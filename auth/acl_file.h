#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/acl_rule.h"
#include "broker/core/access.h"

namespace auth {

/// The topics that each user may publish and read: one access control file.
///
/// Shape      topic   [read|write|readwrite|deny] FILTER   for the user named last, or, in front of
///                                                         the first "user", for clients without
///                                                         one
///            user    NAME                                 begins or resumes the lines of a user
///            pattern [read|write|readwrite|deny] FILTER   for everybody; %c is the client id, %u
///                                                         the user name, %a the client's address
///            Comments begin with '#' in the first column. A filter may hold spaces.
/// Invariant  Answers as Mosquitto's check does, see AclPermissions. An empty file denies
///            everything.
/// Lifetime   An immutable snapshot of the file as it was when it was loaded.
/// Threads    Any, once loaded.
/// Source     mosquitto.conf(5), acl_file; compared with mosquitto 2.0.11.
class AclFile {
 public:
  /// Reads the file at `path`.
  ///
  /// Errors    "PATH:LINE: FAULT", one line of text for each fault.
  [[nodiscard]] static std::expected<AclFile, std::string> load(const std::string& path);

  /// Reads the text of such a file; `name` stands for it in errors.
  [[nodiscard]] static std::expected<AclFile, std::string> parse(std::string_view text,
                                                                 const std::string& name);

  /// The answer sheet of one user; nullopt is a client without a user name. Never null.
  ///
  /// Cost      One copy of the patterns; sheets of users are made when asked for, so keep them.
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions(
      const std::optional<std::string>& user) const;

  /// Oddities that are no faults, each "PATH:LINE: TEXT".
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// Do both files say the same, line by line? Comments count: they move the lines that a denial
  /// names.
  [[nodiscard]] bool operator==(const AclFile& other) const {
    return name_ == other.name_ && anonymous_ == other.anonymous_ && users_ == other.users_ &&
           patterns_ == other.patterns_;
  }

 private:
  /// Takes in one line; "topic" lines go to `own`. Returns the fault of the line, or nothing.
  std::string read_line(std::string_view line, std::size_t number, std::vector<AclLine>*& own);

  std::string name_;
  std::vector<AclLine> anonymous_;
  std::map<std::string, std::vector<AclLine>, std::less<>> users_;
  std::vector<AclLine> patterns_;
  std::vector<std::string> warnings_;
};

}  // namespace auth
