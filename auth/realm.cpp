#include "auth/realm.h"

#include <utility>

namespace auth {

std::expected<std::shared_ptr<const Realm>, std::string> Realm::load(const RealmOptions& options) {
  Realm realm;
  realm.allow_anonymous_ = options.allow_anonymous;
  std::string faults;
  const auto take = [&](auto loaded, auto& place) {
    if (loaded) {
      place = std::move(*loaded);
    } else {
      faults += (faults.empty() ? "" : "\n") + loaded.error();
    }
  };
  if (!options.password_file.empty()) {
    const Privacy privacy =
        options.refuse_open_secrets ? Privacy::secret : Privacy::anyone_may_read;
    const auto roles = options.has_roles ? PasswordFile::Roles::read : PasswordFile::Roles::ignored;
    take(PasswordFile::load(options.password_file, privacy, roles), realm.passwords_);
  }
  if (!options.acl_file.empty()) take(AclFile::load(options.acl_file), realm.acl_);
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return std::make_shared<const Realm>(std::move(realm));
}

std::shared_ptr<const Realm> Realm::nobody() { return std::make_shared<const Realm>(Realm()); }

const PasswordFile* Realm::passwords() const noexcept {
  return passwords_ ? &*passwords_ : nullptr;
}

std::shared_ptr<const broker::Permissions> Realm::permissions(
    const std::optional<std::string>& user) const {
  return acl_ ? acl_->permissions(user) : nullptr;
}

std::vector<std::string> Realm::warnings() const {
  std::vector<std::string> all;
  if (passwords_) all = passwords_->warnings();
  if (acl_) all.insert(all.end(), acl_->warnings().begin(), acl_->warnings().end());
  return all;
}

std::vector<std::string> Realm::users_changed_in(const Realm& next) const {
  if (!passwords_) return {};
  // Without a password file, `next` lets in everybody or nobody.
  if (!next.passwords_)
    return next.allow_anonymous_ ? std::vector<std::string>{} : passwords_->users();
  return passwords_->changed_in(*next.passwords_);
}

std::vector<std::string> Realm::users_gone_in(const Realm& next) const {
  if (!passwords_) return {};
  std::vector<std::string> gone = passwords_->users();
  if (next.passwords_) {
    std::erase_if(gone, [&](const auto& user) { return next.passwords_->find(user) != nullptr; });
  }
  return gone;
}

bool Realm::anonymous_refused_in(const Realm& next) const noexcept {
  return allow_anonymous_ && !next.allow_anonymous_;
}

bool Realm::unchecked_refused_in(const Realm& next) const noexcept {
  return allow_anonymous_ && !passwords_ && (next.passwords_ || !next.allow_anonymous_);
}

bool Realm::same_access_in(const Realm& next) const { return acl_ == next.acl_; }

}  // namespace auth
