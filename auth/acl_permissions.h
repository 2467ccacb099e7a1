#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/acl_rule.h"
#include "broker/core/access.h"

namespace auth {

/// The rules that the lines of an ACL file make for one user.
///
/// Invariant  allows() decides in the order of Mosquitto: the user's own denials, the user's own
///            grants, then the patterns' denials, then the patterns' grants, then no. Patterns are
///            not looked at for a user name or client id that holds '+' or '#': it could widen
///            them.
/// Lifetime   Owns its filters.
/// Threads    Any: immutable after construction.
class AclPermissions final : public broker::Permissions {
 public:
  /// `own` are the lines of this user, `patterns` those for everybody. Without a user name
  /// (nullopt) patterns that hold %u do not count. Without a known address those that hold %a grant
  /// nothing, and deny all that they deny for any address.
  /// `file` is the name of the ACL file, for decided_by().
  AclPermissions(const std::vector<AclLine>& own, const std::vector<AclLine>& patterns,
                 const std::optional<std::string>& user, std::string file);

  /// Cost      One pass over the filters; allocates nothing except for Access::subscribe.
  [[nodiscard]] bool allows(broker::Access access, std::string_view topic,
                            const broker::Identity& who) const override;
  /// "by FILE:LINE", or that no line grants it.
  [[nodiscard]] std::string decided_by(broker::Access access, std::string_view topic,
                                       const broker::Identity& who) const override;
  [[nodiscard]] bool names_address() const noexcept override { return names_address_; }

 private:
  /// Filters by the access that they grant. A readwrite line stands in two of them.
  struct Rules {
    std::vector<AclFilter> denied;
    std::vector<AclFilter> readable;
    std::vector<AclFilter> writable;

    void add(AclGrant grant, AclFilter filter);
  };

  /// The grant that decides, unless a denial does; null: none.
  [[nodiscard]] const AclFilter* grant_of(bool writes, std::string_view topic,
                                          const broker::Identity& who) const;
  [[nodiscard]] const AclFilter* grant_of_filter(std::string_view filter,
                                                 const broker::Identity& who) const;
  /// The denial that decides; null: none does.
  [[nodiscard]] const AclFilter* denial_of(std::string_view topic,
                                           const broker::Identity& who) const;
  [[nodiscard]] const AclFilter* denial_of_filter(std::string_view filter,
                                                  const broker::Identity& who) const;
  [[nodiscard]] bool patterns_apply(std::string_view client_id) const;
  [[nodiscard]] bool allows_topic(bool writes, std::string_view topic,
                                  const broker::Identity& who) const;
  [[nodiscard]] bool allows_filter(std::string_view filter, const broker::Identity& who) const;

  Rules own_;
  Rules patterns_;
  std::vector<AclFilter> denied_anywhere_;  // denials with %a, for clients of unknown address
  bool user_is_plain_ = true;               // no '+' or '#' in the user name
  bool names_address_ = false;
  std::string file_;
};

}  // namespace auth
