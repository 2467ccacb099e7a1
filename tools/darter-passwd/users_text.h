#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace passwd {

/// The text of a password file, for editing: untouched lines stay as they are, comments too.
///
/// Shape      Lines without their line ends, each "USER:HASH" or something else.
class UsersText {
 public:
  /// One user's line.
  struct User {
    std::string name;
    std::string hash;
    std::size_t line = 0;  // from 1
  };

  /// The fault of a line.
  struct Fault {
    std::size_t line = 0;  // from 1
    std::string what;
  };

  UsersText() = default;
  explicit UsersText(std::string_view text);

  /// Gives `user` the hash: in the place of the line that counts, or in a new one at the end.
  ///
  /// Returns   Was there such a user?
  bool set(const std::string& user, const std::string& hash);

  /// Removes all lines of `user`. Returns false if there was none.
  bool remove(const std::string& user);

  /// All lines of users, in their order. Of two for one user the later counts.
  [[nodiscard]] std::vector<User> users() const;

  /// Replaces the part behind the colon by the result of `change` for it, in every user's line.
  ///
  /// Errors    The first of `change`.
  [[nodiscard]] std::expected<void, Fault> change_hashes(
      const std::function<std::expected<std::string, std::string>(std::string_view)>& change);

  /// The file's text, each line ended by a line feed.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace passwd
