#include "broker/server/gatekeeper.h"

#include <map>
#include <tuple>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/translate.h"

namespace server {
namespace {

broker::Verdict verdict_of(auth::LoginAnswer answer) {
  answer.verdict.generation = answer.generation;
  return std::move(answer.verdict);
}

}  // namespace

std::expected<std::vector<std::shared_ptr<const auth::Realm>>, std::string> Gatekeeper::load(
    const conf::Settings& settings) {
  std::map<std::tuple<std::string, std::string, bool>, std::shared_ptr<const auth::Realm>> known;
  std::vector<std::shared_ptr<const auth::Realm>> realms;
  std::string faults;
  for (const conf::Listener& listener : settings.listeners) {
    const auth::RealmOptions options = realm_options_of(listener);
    auto& realm = known[{options.password_file, options.acl_file, options.allow_anonymous}];
    if (!realm) {
      auto loaded = auth::Realm::load(options);
      if (loaded) {
        realm = std::move(*loaded);
      } else {
        if (!faults.empty()) faults += '\n';
        faults += loaded.error();
        realm = auth::Realm::nobody();
      }
    }
    realms.push_back(realm);
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return realms;
}

Gatekeeper::Gatekeeper(std::vector<std::shared_ptr<const auth::Realm>> realms, broker::Log& log)
    : log_(log), authenticator_(auth::AuthenticatorOptions{}) {
  replace(std::move(realms));
}

std::vector<auth::RealmChange> Gatekeeper::replace(
    std::vector<std::shared_ptr<const auth::Realm>> realms) {
  return authenticator_.replace_realms(std::move(realms));
}

std::optional<broker::Verdict> Gatekeeper::login(broker::LoginRequest&& request,
                                                 transport::LoginDone done) {
  auth::LoginRequest login;
  login.realm = auth::RealmId{request.listener};
  if (request.has_user_name) login.user = std::move(request.user_name);
  if (request.has_password) login.password = auth::Secret(request.password);
  // The string is overwritten in place: std::string keeps the bytes otherwise.
  for (volatile char& letter : request.password) letter = 0;
  login.address = std::move(request.address);
  login.verified = request.user_is_verified;
  auto answer = authenticator_.verify(
      std::move(login),
      [done = std::move(done)](auth::LoginAnswer late) { done(verdict_of(std::move(late))); });
  if (!answer) return std::nullopt;
  return verdict_of(std::move(*answer));
}

std::shared_ptr<const broker::Permissions> Gatekeeper::permissions_of(
    std::uint16_t listener, std::string_view user_name) const {
  std::optional<std::string> user;
  if (!user_name.empty()) user = user_name;
  return authenticator_.permissions(auth::RealmId{listener}, user);
}

}  // namespace server
