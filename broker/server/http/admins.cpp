#include "broker/server/http/admins.h"

#include <algorithm>
#include <sodium.h>
#include <utility>

#include "auth/realm.h"

namespace server {

void Admins::replace(std::shared_ptr<const auth::Realm> realm) {
  const std::scoped_lock lock(mutex_);
  if (realm_ != nullptr) {
    const auto next = realm != nullptr ? realm : auth::Realm::nobody();
    const auto changed = realm_->users_changed_in(*next);
    std::erase_if(sessions_, [&](const auto& each) {
      return std::ranges::binary_search(changed, each.second.name);
    });
  }
  realm_ = std::move(realm);
}

bool Admins::is_on() const {
  const std::scoped_lock lock(mutex_);
  return realm_ != nullptr && realm_->passwords() != nullptr;
}

std::optional<Admin> Admins::user(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return locked_user(name);
}

std::optional<Admin> Admins::locked_user(std::string_view name) const {
  const auth::PasswordFile* const file = realm_ != nullptr ? realm_->passwords() : nullptr;
  if (file == nullptr || file->find(name) == nullptr) return std::nullopt;
  return Admin{std::string(name), file->role_of(name)};
}

std::string Admins::open(std::string_view name, broker::Instant now) {
  std::array<unsigned char, 32> random{};
  randombytes_buf(random.data(), random.size());
  std::string token(random.size() * 2 + 1, '\0');
  sodium_bin2hex(token.data(), token.size(), random.data(), random.size());
  token.pop_back();  // the zero byte
  const std::scoped_lock lock(mutex_);
  make_room(name, now);
  sessions_[key_of(token)] = {std::string(name), now, now};
  return token;
}

std::optional<Admin> Admins::find(std::string_view token, broker::Instant now) {
  const Key key = key_of(token);
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return std::nullopt;
  if (is_over(found->second, now)) {
    sessions_.erase(found);
    return std::nullopt;
  }
  found->second.used = std::max(found->second.used, now);
  return locked_user(found->second.name);
}

void Admins::close(std::string_view token) {
  const Key key = key_of(token);
  const std::scoped_lock lock(mutex_);
  sessions_.erase(key);
}

Admins::Key Admins::key_of(std::string_view token) {
  Key key{};
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size(), nullptr, 0);
  return key;
}

bool Admins::is_over(const Session& session, broker::Instant now) noexcept {
  return now >= broker::after_milliseconds(session.used, idle_milliseconds) ||
         now >= broker::after_milliseconds(session.opened, life_milliseconds);
}

/// Room for one session more of that user.
void Admins::make_room(std::string_view name, broker::Instant now) {
  std::erase_if(sessions_, [&](const auto& each) { return is_over(each.second, now); });
  const auto own =
      std::ranges::count_if(sessions_, [&](const auto& each) { return each.second.name == name; });
  if (static_cast<std::size_t>(own) >= sessions_of_user_max) return drop_oldest(name);
  if (sessions_.size() >= sessions_max) drop_oldest({});
}

/// Of that user, or of all if the name is empty.
void Admins::drop_oldest(std::string_view name) {
  auto oldest = sessions_.end();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    if (!name.empty() && each->second.name != name) continue;
    if (oldest == sessions_.end() || each->second.used < oldest->second.used) oldest = each;
  }
  if (oldest != sessions_.end()) sessions_.erase(oldest);
}

}  // namespace server
