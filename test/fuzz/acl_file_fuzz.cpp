// ACL files. Any text is rules, or faults with file and line; and files that are put together from
// known lines answer as a plain reading of those lines does.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/acl_file.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace {

using auth::AclFile;
using auth::AclGrant;
using auth::AclLine;
using broker::Access;
using fuzz::require;

constexpr std::string_view users[] = {"ann", "bob", "a/b", "+", "$x"};
constexpr std::string_view clients[] = {"c1", "ann", "a/b", "#", "", "$SYS"};
constexpr std::string_view filters[] = {
    "a",    "a/b",    "a/+",     "a/#",    "#",    "+",      "+/b",   "+/#",    "$SYS/#", "$SYS/x",
    "%c",   "%u",     "%c/#",    "%u/%c",  "a/%u", "a/%c/b", "+/%c",  "a b/c",  "a/",     "/a",
    "a//b", "%c%u/x", "pre%c/+", "%u/+/#", "$x/#", "%c/+",   "a/b/#", "a/b/c/d"};
constexpr std::string_view topics[] = {"a",      "a/b",     "a/c",     "b",     "a/b/c",  "$SYS/x",
                                       "$SYS",   "c1",      "c1/x",    "ann",   "ann/x",  "a/",
                                       "/a",     "a//b",    "ann/c1",  "a b/c", "$x/y",   "c1ann/x",
                                       "a/c1/b", "prec1/x", "a/b/c/d", "b/b",   "ann/a/b"};

struct Rule {
  std::size_t owner;  // of users; beyond: everybody without a name
  bool pattern;
  AclGrant grant;
  std::string_view filter;
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

/// The answer as mosquitto.conf(5) puts it, over the lines in turn.
class Oracle {
 public:
  Oracle(const std::vector<Rule>& rules, std::size_t user, std::string_view client)
      : rules_(rules), user_(user), client_(client) {}

  [[nodiscard]] bool allows(bool writes, std::string_view topic) const {
    if (any(false, true, writes, topic)) return false;
    if (any(false, false, writes, topic)) return true;
    const bool plain =
        client_.find_first_of("+#") == client_.npos &&
        (user_ >= std::size(users) || users[user_].find_first_of("+#") == std::string_view::npos);
    return plain && !any(true, true, writes, topic) && any(true, false, writes, topic);
  }

 private:
  [[nodiscard]] bool any(bool pattern, bool denial, bool writes, std::string_view topic) const {
    return std::ranges::any_of(rules_, [&](const Rule& rule) {
      if (rule.pattern != pattern || (!pattern && rule.owner != user_)) return false;
      if ((rule.grant == AclGrant::deny) != denial) return false;
      if (!denial && rule.grant == (writes ? AclGrant::read : AclGrant::write)) return false;
      std::string filter(rule.filter);
      if (pattern) {
        if (user_ >= std::size(users) && filter.find("%u") != filter.npos) return false;
        // One after the other would replace what a name brings along.
        filter = replaced(filter, "%c", "\x01");
        filter = replaced(filter, "%u", user_ < std::size(users) ? users[user_] : "");
        filter = replaced(filter, "\x01", client_);
      }
      return mqtt::matches(filter, topic);
    });
  }

  const std::vector<Rule>& rules_;
  std::size_t user_;
  std::string_view client_;
};

/// Whatever is received must be subscribable: a filter is refused only if nothing that it can match
/// could be received.
void check_subscribe(const broker::Permissions& permissions, std::string_view client) {
  for (const std::string_view topic : topics) {
    if (!permissions.allows(Access::receive, topic, {client})) continue;
    for (const std::string_view filter : filters) {
      if (filter.find('%') != filter.npos || !mqtt::matches(filter, topic)) continue;
      require(permissions.allows(Access::subscribe, filter, {client}),
              "what may be received may be subscribed to");
    }
  }
}

void rules(fuzz::Input input) {
  static constexpr std::string_view words[] = {"read ", "write ", "readwrite ", "deny ", ""};
  const std::size_t user = input.below(std::size(users) + 1);
  const std::string_view client = input.pick(clients);
  std::vector<Rule> all;
  std::string text;
  std::size_t owner = std::size(users);
  while (!input.empty() && all.size() < 12) {
    const unsigned bits = input.byte();
    if ((bits & 15U) == 0) {
      owner = input.below(std::size(users));
      text += "user " + std::string(users[owner]) + "\n";
      continue;
    }
    const std::size_t word = (bits >> 4U) % 5U;
    const Rule rule{owner, (bits & 1U) != 0,
                    word < 4 ? static_cast<AclGrant>(word) : AclGrant::readwrite,
                    input.pick(filters)};
    // A filter with a space needs a word in front of it.
    if (word == 4 && rule.filter.find(' ') != rule.filter.npos) continue;
    text += std::string(rule.pattern ? "pattern " : "topic ") + std::string(words[word]) +
            std::string(rule.filter) + "\n";
    all.push_back(rule);
  }
  const auto file = AclFile::parse(text, "acl");
  require(file.has_value(), "good lines are taken");
  std::optional<std::string> name;
  if (user < std::size(users)) name = users[user];
  const auto permissions = file->permissions(name);
  const Oracle oracle(all, user, client);
  for (const std::string_view topic : topics) {
    require(permissions->allows(Access::publish, topic, {client}) == oracle.allows(true, topic),
            "who may publish");
    require(permissions->allows(Access::receive, topic, {client}) == oracle.allows(false, topic),
            "who may receive");
  }
  check_subscribe(*permissions, client);
}

void any_text(fuzz::Input input) {
  const auto copy = fuzz::exact_copy(input.rest());
  const auto file = AclFile::parse(mqtt::as_text(copy), "acl");
  if (!file) {
    require(file.error().starts_with("acl:"), "a fault names file and line");
    return;
  }
  require(*file == *AclFile::parse(mqtt::as_text(copy), "acl"), "the same text says the same");
  check_subscribe(*file->permissions("ann"), "c1");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  (input.flag() ? any_text : rules)(input);
  return 0;
}
