// auth/realm_table.h
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/keyed_mac.h"
#include "auth/lru_map.h"
#include "auth/realm.h"
#include "broker/core/access.h"

namespace auth {

/// The realms in force, by number, and the permissions of their users that are in use.
///
/// Shape      A reload makes a new table, asks the old one for changes_to() it, and swaps the two.
/// Lifetime   `mac` outlives it.
/// Threads    None: guarded by the Authenticator.
class RealmTable {
 public:
  using Realms = std::vector<std::shared_ptr<const Realm>>;
  using Sheet = std::shared_ptr<const broker::Permissions>;

  /// A null entry refuses every client. Permissions of up to `sheets_max` users are found again.
  RealmTable(const KeyedMac& mac, std::size_t sheets_max, Realms realms)
      : mac_(&mac), realms_(std::move(realms)), sheets_(sheets_max) {}

  /// The realm of that number; for one that does not exist, a realm that refuses every client.
  [[nodiscard]] const Realm& of(RealmId id) const;
  /// The permissions of a user (nullopt: no user name) as broker::Verdict has them: one sheet for
  /// all connections of a user, as long as one of them is there.
  [[nodiscard]] Sheet permissions(RealmId id, const std::optional<std::string>& user);
  /// The changes for the users of each realm here, also of those that `next` does not have.
  [[nodiscard]] std::vector<RealmChange> changes_to(const RealmTable& next) const;

 private:
  const KeyedMac* mac_;
  std::shared_ptr<const Realm> nobody_ = Realm::nobody();
  Realms realms_;
  LruMap<Mac, std::weak_ptr<const broker::Permissions>, MacHash> sheets_;
};

}  // namespace auth
