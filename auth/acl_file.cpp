#include "auth/acl_file.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "auth/acl_permissions.h"
#include "auth/text_file.h"

namespace auth {
namespace {

std::unexpected<std::string> error(std::string text) { return std::unexpected(std::move(text)); }

/// Cuts the first word off `rest`, and the spaces around it. Mosquitto parts words by spaces only.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  rest = trimmed(rest);
  return word;
}

std::optional<AclGrant> grant_named(std::string_view word) {
  if (word == "read") return AclGrant::read;
  if (word == "write") return AclGrant::write;
  if (word == "readwrite") return AclGrant::readwrite;
  if (word == "deny") return AclGrant::deny;
  return std::nullopt;
}

/// '#' only as the whole last level, '+' only as a whole level [MQTT-4.7.1-1] [MQTT-4.7.1-2].
bool is_well_formed(std::string_view filter) {
  for (std::size_t at = 0; at < filter.size(); ++at) {
    if (filter[at] != '+' && filter[at] != '#') continue;
    const bool begins = at == 0 || filter[at - 1] == '/';
    const bool ends = at + 1 == filter.size() || (filter[at] == '+' && filter[at + 1] == '/');
    if (!begins || !ends) return false;
  }
  return true;
}

/// Reads the words after "topic" or "pattern". A lone word is a filter, even if it is "read".
std::expected<AclLine, std::string> read_rule(std::string_view rest) {
  const std::string_view all = trimmed(rest);
  const std::string_view first = take_word(rest);
  if (first.empty()) return error("there is no topic");
  AclLine line{.grant = AclGrant::readwrite, .filter = std::string(all)};
  if (!rest.empty()) {
    const auto grant = grant_named(first);
    if (!grant) {
      return error("unknown access \"" + std::string(first) +
                   "\" (known: read, write, readwrite, deny)");
    }
    line = {.grant = *grant, .filter = std::string(rest)};
  }
  if (!is_well_formed(line.filter)) {
    return error("\"" + line.filter +
                 "\" is not a topic filter: '+' and '#' must be whole levels, " +
                 "and '#' the last");
  }
  return line;
}

/// Does a pattern say the same of everybody, as a "topic" line under each user would?
bool is_same_for_all(std::string_view filter) {
  return filter.find("%c") == filter.npos && filter.find("%u") == filter.npos &&
         filter.find("%a") == filter.npos;
}

}  // namespace

std::expected<AclFile, std::string> AclFile::load(const std::string& path) {
  const auto text = read_text_file(path, Privacy::anyone_may_read);
  if (!text) return std::unexpected(text.error());
  return parse(*text, path);
}

std::expected<AclFile, std::string> AclFile::parse(std::string_view text, const std::string& name) {
  AclFile file;
  file.name_ = name;
  std::vector<AclLine>* own = &file.anonymous_;
  std::string faults;
  for (LineCursor lines(text); lines.next();) {
    const std::size_t patterns = file.patterns_.size();
    const auto fault = file.read_line(lines.line(), lines.number(), own);
    if (!fault.empty()) add_fault(faults, name, lines.number(), fault);
    if (file.patterns_.size() == patterns) continue;
    const std::string& filter = file.patterns_.back().filter;
    if (!is_same_for_all(filter)) continue;
    file.warnings_.push_back(remark_text(
        name, lines.number(),
        "the pattern \"" + filter +
            "\" has no %c, %u or %a: it holds for every client, whoever the line stands under"));
  }
  if (!faults.empty()) return error(std::move(faults));
  return file;
}

std::string AclFile::read_line(std::string_view line, std::size_t number,
                               std::vector<AclLine>*& own) {
  if (line.starts_with('#')) return {};
  std::string_view rest = line;
  const std::string_view word = take_word(rest);
  if (word.empty()) return {};
  if (word == "user") {
    if (rest.empty()) return "there is no user name";
    own = &users_[std::string(rest)];
    return {};
  }
  if (word != "topic" && word != "pattern") {
    return "unknown word \"" + std::string(word) + "\" (known: user, topic, pattern)";
  }
  auto rule = read_rule(rest);
  if (!rule) return rule.error();
  rule->line = static_cast<std::uint32_t>(number);
  (word == "topic" ? *own : patterns_).push_back(std::move(*rule));
  return {};
}

std::shared_ptr<const broker::Permissions> AclFile::permissions(
    const std::optional<std::string>& user) const {
  if (!user) return std::make_shared<AclPermissions>(anonymous_, patterns_, user, name_);
  const auto found = users_.find(*user);
  return std::make_shared<AclPermissions>(
      found == users_.end() ? std::vector<AclLine>{} : found->second, patterns_, user, name_);
}

}  // namespace auth
