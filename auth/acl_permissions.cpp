#include "auth/acl_permissions.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace auth {
namespace {

using broker::Identity;
using Filters = std::vector<AclFilter>;

bool is_plain(std::string_view name) { return name.find_first_of("+#") == std::string_view::npos; }

/// The first filter for which `fits` holds; null: none.
template <typename Fits>
const AclFilter* first_of(const Filters& filters, const Fits& fits) {
  const auto found = std::ranges::find_if(filters, fits);
  return found == filters.end() ? nullptr : &*found;
}

const AclFilter* first_match(const Filters& filters, std::string_view topic, const Identity& who) {
  return first_of(filters, [&](const AclFilter& filter) { return filter.matches(topic, who); });
}

bool any_matches(const Filters& filters, std::string_view topic, const Identity& who) {
  return first_match(filters, topic, who) != nullptr;
}

const AclFilter* first_cover(const Filters& filters, std::string_view filter, const Identity& who) {
  return first_of(filters, [&](const AclFilter& wide) {
    return wide.applies_to(who) && covers(wide.text(who), filter);
  });
}

bool any_covers(const Filters& filters, std::string_view filter, const Identity& who) {
  return first_cover(filters, filter, who) != nullptr;
}

/// The first readable filter that has something in common with `filter` which no denial covers.
///
/// Two denials that cover a filter only together are not recognised: the subscription is then let
/// through, and its messages are stopped one by one on their way out.
const AclFilter* first_reach(const Filters& readable, std::string_view filter, const Identity& who,
                             std::initializer_list<const Filters*> denials) {
  return first_of(readable, [&](const AclFilter& grant) {
    if (!grant.applies_to(who)) return false;
    const std::string common = intersection(filter, grant.text(who));
    return !common.empty() && std::ranges::none_of(denials, [&](const Filters* denied) {
      return any_covers(*denied, common, who);
    });
  });
}

}  // namespace

AclPermissions::AclPermissions(const std::vector<AclLine>& own,
                               const std::vector<AclLine>& patterns,
                               const std::optional<std::string>& user, std::string file)
    : user_is_plain_(!user || is_plain(*user)), file_(std::move(file)) {
  for (const AclLine& line : own) {
    own_.add(line.grant, AclFilter::literal(line.filter, line.line));
  }
  for (const AclLine& line : patterns) {
    if (!user && line.filter.find("%u") != std::string::npos) continue;
    AclFilter filter = AclFilter::pattern(line.filter, user.value_or(""), line.line);
    if (filter.names_address()) {
      names_address_ = true;
      if (line.grant == AclGrant::deny) {
        denied_anywhere_.push_back(
            AclFilter::pattern_anywhere(line.filter, user.value_or(""), line.line));
      }
    }
    patterns_.add(line.grant, std::move(filter));
  }
}

void AclPermissions::Rules::add(AclGrant grant, AclFilter filter) {
  if (grant == AclGrant::deny) {
    denied.push_back(std::move(filter));
    return;
  }
  if (grant != AclGrant::read) writable.push_back(filter);
  if (grant != AclGrant::write) readable.push_back(std::move(filter));
}

bool AclPermissions::allows(broker::Access access, std::string_view topic,
                            const Identity& who) const {
  if (access == broker::Access::subscribe) return allows_filter(topic, who);
  return allows_topic(access == broker::Access::publish, topic, who);
}

bool AclPermissions::patterns_apply(std::string_view client_id) const {
  return user_is_plain_ && is_plain(client_id);
}

bool AclPermissions::allows_topic(bool writes, std::string_view topic, const Identity& who) const {
  if (any_matches(own_.denied, topic, who)) return false;
  if (any_matches(writes ? own_.writable : own_.readable, topic, who)) return true;
  if (who.address.empty() && any_matches(denied_anywhere_, topic, who)) return false;
  return patterns_apply(who.client_id) && !any_matches(patterns_.denied, topic, who) &&
         any_matches(writes ? patterns_.writable : patterns_.readable, topic, who);
}

bool AclPermissions::allows_filter(std::string_view filter, const Identity& who) const {
  return grant_of_filter(filter, who) != nullptr;
}

const AclFilter* AclPermissions::grant_of_filter(std::string_view filter,
                                                 const Identity& who) const {
  const AclFilter* const own = first_reach(own_.readable, filter, who, {&own_.denied});
  if (own != nullptr || !patterns_apply(who.client_id)) return own;
  return first_reach(patterns_.readable, filter, who, {&own_.denied, &patterns_.denied});
}

const AclFilter* AclPermissions::grant_of(bool writes, std::string_view topic,
                                          const Identity& who) const {
  const AclFilter* const own = first_match(writes ? own_.writable : own_.readable, topic, who);
  if (own != nullptr || !patterns_apply(who.client_id)) return own;
  return first_match(writes ? patterns_.writable : patterns_.readable, topic, who);
}

std::string AclPermissions::decided_by(broker::Access access, std::string_view topic,
                                       const Identity& who) const {
  const bool is_filter = access == broker::Access::subscribe;
  const AclFilter* decider = nullptr;
  if (allows(access, topic, who)) {
    decider = is_filter ? grant_of_filter(topic, who)
                        : grant_of(access == broker::Access::publish, topic, who);
  } else {
    decider = is_filter ? denial_of_filter(topic, who) : denial_of(topic, who);
  }
  if (decider != nullptr) return "by " + file_ + ":" + std::to_string(decider->line());
  if (!patterns_apply(who.client_id)) {
    return "no topic line of " + file_ +
           " grants it, and its patterns do not hold for a name with '+' or '#'";
  }
  return file_.empty() ? "its listener is gone" : "no line of " + file_ + " grants it";
}

const AclFilter* AclPermissions::denial_of(std::string_view topic, const Identity& who) const {
  if (const AclFilter* const own = first_match(own_.denied, topic, who)) return own;
  if (who.address.empty()) {
    if (const AclFilter* const any = first_match(denied_anywhere_, topic, who)) return any;
  }
  return patterns_apply(who.client_id) ? first_match(patterns_.denied, topic, who) : nullptr;
}

/// A denial that covers the filter, or the intersection of the filter and a grant.
const AclFilter* AclPermissions::denial_of_filter(std::string_view filter,
                                                  const Identity& who) const {
  const auto denial = [&](std::string_view text) {
    const AclFilter* const own = first_cover(own_.denied, text, who);
    if (own != nullptr || !patterns_apply(who.client_id)) return own;
    return first_cover(patterns_.denied, text, who);
  };
  if (const AclFilter* const whole = denial(filter)) return whole;
  for (const Rules* const rules : {&own_, &patterns_}) {
    for (const AclFilter& grant : rules->readable) {
      const std::string common =
          grant.applies_to(who) ? intersection(filter, grant.text(who)) : std::string();
      const AclFilter* const found = common.empty() ? nullptr : denial(common);
      if (found != nullptr) return found;
    }
  }
  return nullptr;
}

}  // namespace auth
