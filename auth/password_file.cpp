#include "auth/password_file.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace auth {
namespace {

constexpr std::size_t user_bytes_max = 65535;  // the longest user name of a CONNECT

/// One line that says something: user, hash and role, not yet judged.
struct Entry {
  std::string_view user;
  std::string_view hash;
  std::string_view role;
};

std::optional<Entry> entry_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (line.starts_with('#') || colon == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(colon + 1);
  const std::size_t second = std::min(rest.find(':'), rest.size());
  return Entry{trimmed(line.substr(0, colon)), trimmed(rest.substr(0, second)),
               trimmed(rest.substr(std::min(second + 1, rest.size())))};
}

std::expected<PasswordHash, std::string> judge(const Entry& entry) {
  if (entry.user.empty()) return std::unexpected("there is no user name in front of the colon");
  if (entry.user.size() > user_bytes_max) return std::unexpected("the user name is too long");
  auto hash = PasswordHash::parse(entry.hash);
  if (!hash) return std::unexpected("user " + std::string(entry.user) + ": " + hash.error());
  return hash;
}

/// The role of a user; `fault` says if it is unknown.
Role judge_role(const Entry& entry, std::string& fault) {
  if (entry.role.empty()) return Role::read_only;
  const auto role = role_of(entry.role);
  if (role) return *role;
  fault = "user " + std::string(entry.user) + ": a role is admin or read-only, not '" +
          std::string(entry.role.substr(0, 100)) + "'";
  return Role::read_only;
}

/// The hash that stands for the kind and cost that most users have.
const PasswordHash* most_common(const std::map<std::string, PasswordHash, std::less<>>& users) {
  std::map<std::string_view, std::size_t> counts;
  const PasswordHash* common = nullptr;
  std::size_t most = 0;
  for (const auto& [user, hash] : users) {
    const std::size_t count = ++counts[hash.cost_text()];
    if (count <= most) continue;
    most = count;
    common = &hash;
  }
  return common;
}

/// The hash that passwords of unknown users are compared with. For an empty file it costs as much
/// as that of a new password.
std::expected<PasswordHash, std::string> decoy_like(const PasswordHash* common) {
  if (common != nullptr) return common->decoy();
  const auto made = PasswordHash::parse(
      "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  if (!made) return made;
  return made->decoy();
}

}  // namespace

PasswordFile::PasswordFile(Users users, Admins admins, PasswordHash decoy,
                           std::vector<std::string> warnings)
    : users_(std::move(users)),
      admins_(std::move(admins)),
      decoy_(std::move(decoy)),
      warnings_(std::move(warnings)) {}

std::expected<PasswordFile, std::string> PasswordFile::load(const std::string& path,
                                                            Privacy privacy, Roles roles) {
  const auto text = read_text_file(path, privacy);
  if (!text) return std::unexpected(text.error());
  return parse(*text, path, roles);
}

std::expected<PasswordFile, std::string> PasswordFile::parse(std::string_view text,
                                                             const std::string& name, Roles roles) {
  Users users;
  Admins admins;
  std::map<std::string_view, std::size_t> places;
  std::vector<std::string> warnings;
  std::string faults;
  for (LineCursor lines(text); lines.next();) {
    const auto entry = entry_of(lines.line());
    if (!entry) continue;
    const auto [place, is_new] = places.try_emplace(entry->user, lines.number());
    if (!is_new) {
      warnings.push_back(remark_text(name, lines.number(),
                                     "user " + std::string(entry->user) + " has a line already, " +
                                         std::to_string(place->second) +
                                         "; this one holds. Mosquitto refuses such a file"));
      place->second = lines.number();
    }
    if (roles == Roles::read) {
      std::string fault;
      admins.erase(std::string(entry->user));  // of two lines the last holds
      if (judge_role(*entry, fault) == Role::admin) admins.emplace(entry->user);
      if (!fault.empty()) add_fault(faults, name, lines.number(), fault);
    }
    auto hash = judge(*entry);
    if (hash) {
      users.insert_or_assign(std::string(entry->user), std::move(*hash));
    } else {
      add_fault(faults, name, lines.number(), hash.error());
    }
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  auto decoy = decoy_like(most_common(users));
  if (!decoy) return std::unexpected(name + ": " + decoy.error());
  return PasswordFile(std::move(users), std::move(admins), std::move(*decoy), std::move(warnings));
}

const PasswordHash* PasswordFile::find(std::string_view user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found->second;
}

Role PasswordFile::role_of(std::string_view user) const {
  return admins_.contains(user) ? Role::admin : Role::read_only;
}

std::vector<std::string> PasswordFile::changed_in(const PasswordFile& next) const {
  std::vector<std::string> changed;
  for (const auto& [user, hash] : users_) {
    const PasswordHash* now = next.find(user);
    if (now == nullptr || now->text() != hash.text()) changed.push_back(user);
  }
  return changed;
}

std::vector<std::string> PasswordFile::users() const {
  std::vector<std::string> names;
  names.reserve(users_.size());
  for (const auto& [user, hash] : users_) names.push_back(user);
  return names;
}

}  // namespace auth
