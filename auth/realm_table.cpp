#include "auth/realm_table.h"

#include <cstdint>

namespace auth {

const Realm& RealmTable::of(RealmId id) const {
  const auto index = static_cast<std::size_t>(id);
  return index < realms_.size() && realms_[index] ? *realms_[index] : *nobody_;
}

RealmTable::Sheet RealmTable::permissions(RealmId id, const std::optional<std::string>& user) {
  const Realm& realm = of(id);
  if (&realm == nobody_.get()) return AclFile().permissions(user);  // refuses all
  if (!realm.has_acl()) return nullptr;
  const std::string number = std::to_string(static_cast<std::uint32_t>(id));
  const Mac key = user ? mac_->of({"sheet", number, *user}) : mac_->of({"sheet", number});
  if (const auto* known = sheets_.find(key)) {
    if (Sheet sheet = known->lock()) return sheet;
  }
  Sheet sheet = realm.permissions(user);
  sheets_.put(key, sheet);
  return sheet;
}

std::vector<RealmChange> RealmTable::changes_to(const RealmTable& next) const {
  std::vector<RealmChange> changes;
  for (std::size_t index = 0; index < realms_.size(); ++index) {
    const auto id = static_cast<RealmId>(index);
    const Realm& old = of(id);
    const Realm& now = next.of(id);
    changes.push_back({.realm = id,
                       .users = old.users_changed_in(now),
                       .users_gone = old.users_gone_in(now),
                       .users_added = now.users_gone_in(old),
                       .anonymous_refused = old.anonymous_refused_in(now),
                       .unchecked_refused = old.unchecked_refused_in(now),
                       .access_changed = !old.same_access_in(now)});
  }
  return changes;
}

}  // namespace auth
