#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace passwd {

/// A file that is replaced as a whole or not at all, with nobody else at it meanwhile.
///
/// Invariant  While the object lives, other SafeFiles of the same folder wait (flock).
/// Lifetime   Nothing is changed before replace(), which puts a synced copy in the file's place.
class SafeFile {
 public:
  /// Errors    One sentence that names the file: the folder is missing, or the file is a symbolic
  ///           link and `links_allowed` is false.
  [[nodiscard]] static std::expected<SafeFile, std::string> open(const std::string& path,
                                                                 bool links_allowed);
  SafeFile(SafeFile&& other) noexcept;
  SafeFile& operator=(SafeFile&&) = delete;
  SafeFile(const SafeFile&) = delete;
  SafeFile& operator=(const SafeFile&) = delete;
  ~SafeFile();

  /// Returns   The file's text, or nothing if there is no such file.
  [[nodiscard]] std::expected<std::optional<std::string>, std::string> read() const;

  /// Replaces the content of the file by `text`. Owner and mode stay. A new file is 0600; one
  /// that root makes in a folder of another group is 0640 and of that group: else the broker, which
  /// gives up root, cannot read it again at a reload.
  [[nodiscard]] std::expected<void, std::string> replace(std::string_view text) const;

  /// May everybody on the machine read or change the file? Then the broker refuses it.
  [[nodiscard]] bool is_open_to_all() const;

 private:
  SafeFile(int folder, std::string path) : folder_(folder), path_(std::move(path)) {}
  [[nodiscard]] std::optional<unsigned> group_of_new_file() const;

  int folder_;        // held open for its lock, and to be synced
  std::string path_;  // with links resolved
};

/// The one command, for root, that closes `path` to everybody and leaves it readable for the
/// broker.
[[nodiscard]] std::string command_to_close(const std::string& path);

}  // namespace passwd
