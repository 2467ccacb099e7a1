#include "tools/darter-passwd/users_text.h"

#include <optional>
#include <utility>

#include "auth/text_file.h"

namespace passwd {
namespace {

/// The two sides of the first colon, as the broker reads them; nothing for any other line.
std::optional<std::pair<std::string_view, std::string_view>> parts_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (line.starts_with('#') || colon == std::string_view::npos) return std::nullopt;
  return std::pair{auth::trimmed(line.substr(0, colon)), line.substr(colon + 1)};
}

bool is_of(const std::string& line, std::string_view user) {
  const auto parts = parts_of(line);
  return parts && parts->first == user;
}

std::string line_of(std::string_view user, std::string_view hash) {
  std::string line(user);
  line += ':';
  line += hash;
  return line;
}

/// The part of a line behind its hash, with its colon: the role in an admin_file. A password in
/// plain text may have colons, and nothing of it is to stay.
std::string rest_of(const std::string& line) {
  const auto parts = parts_of(line);
  if (!parts || !auth::trimmed(parts->second).starts_with('$')) return {};
  const std::size_t colon = parts->second.find(':');
  return colon == std::string_view::npos ? std::string() : std::string(parts->second.substr(colon));
}

}  // namespace

UsersText::UsersText(std::string_view text) {
  for (auth::LineCursor lines(text); lines.next();) lines_.emplace_back(lines.line());
}

bool UsersText::set(const std::string& user, const std::string& hash) {
  bool found = false;
  for (std::string& line : lines_) {
    if (!is_of(line, user)) continue;
    found = true;
    line = line_of(user, hash) + rest_of(line);
  }
  if (!found) lines_.push_back(line_of(user, hash));
  return found;
}

bool UsersText::remove(const std::string& user) {
  return std::erase_if(lines_, [&](const std::string& line) { return is_of(line, user); }) > 0;
}

std::vector<UsersText::User> UsersText::users() const {
  std::vector<User> users;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto parts = parts_of(lines_[i]);
    if (!parts) continue;
    const std::string_view hash = auth::trimmed(parts->second.substr(0, parts->second.find(':')));
    users.push_back({std::string(parts->first), std::string(hash), i + 1});
  }
  return users;
}

std::expected<void, UsersText::Fault> UsersText::change_hashes(
    const std::function<std::expected<std::string, std::string>(std::string_view)>& change) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto parts = parts_of(lines_[i]);
    if (!parts) continue;
    const auto changed = change(parts->second);
    if (!changed) return std::unexpected(Fault{i + 1, changed.error()});
    lines_[i] = line_of(parts->first, *changed);
  }
  return {};
}

std::string UsersText::text() const {
  std::string text;
  for (const std::string& line : lines_) (text += line) += '\n';
  return text;
}

}  // namespace passwd
