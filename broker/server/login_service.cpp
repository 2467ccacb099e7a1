#include "broker/server/login_service.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/file_access.h"
#include "broker/server/translate.h"

namespace server {
namespace {

/// Whether the files can be read is asked before: then the error has the command that mends it.
std::expected<std::shared_ptr<const auth::Realm>, std::string> load_realm(
    const auth::RealmOptions& options, const FileAccess& access) {
  using Content = FileAccess::Content;
  std::string faults;
  const auto look = [&](const std::string& path, Content content) {
    const auto fault = path.empty() ? std::nullopt : access.fault_of(path, content);
    if (fault) faults += (faults.empty() ? "" : "\n") + *fault;
  };
  look(options.password_file, Content::secret);
  look(options.acl_file, Content::open);
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return auth::Realm::load(options);
}

void add_once(std::vector<std::string>& lines, std::string line) {
  if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
}

}  // namespace

std::expected<std::vector<std::shared_ptr<const auth::Realm>>, std::string> LoginService::load(
    const conf::Settings& settings) {
  std::map<std::tuple<std::string, std::string, bool, bool>, std::shared_ptr<const auth::Realm>>
      known;
  std::vector<std::shared_ptr<const auth::Realm>> realms;
  std::string faults;
  const FileAccess access(settings);
  for (const conf::Listener& listener : settings.listeners) {
    const auth::RealmOptions options = realm_options_of(settings, listener);
    auto& realm = known[{options.password_file, options.acl_file, options.allow_anonymous,
                         options.has_roles}];
    if (!realm) {
      auto loaded = load_realm(options, access);
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

std::vector<std::string> LoginService::warnings(
    const conf::Settings& settings, const std::vector<std::shared_ptr<const auth::Realm>>& realms) {
  std::vector<std::string> lines;
  const FileAccess access(settings);
  for (const conf::Listener& listener : settings.listeners) {
    const std::string& path = realm_options_of(settings, listener).password_file;
    if (path.empty()) continue;
    if (const auto warning = access.warning_of(path)) add_once(lines, *warning);
  }
  for (const auto& realm : realms) {
    if (realm == nullptr) continue;
    for (const std::string& warning : realm->warnings()) add_once(lines, warning);
  }
  return lines;
}

LoginService::LoginService(std::vector<std::shared_ptr<const auth::Realm>> realms, broker::Log& log)
    : log_(log), authenticator_(auth::AuthenticatorOptions{}) {
  replace(std::move(realms));
}

std::vector<auth::RealmChange> LoginService::replace(
    std::vector<std::shared_ptr<const auth::Realm>> realms) {
  return authenticator_.replace_realms(std::move(realms));
}

std::optional<broker::Verdict> LoginService::login(broker::LoginRequest&& request,
                                                   broker::LoginDone done) {
  return authenticator_.verify(std::move(request), std::move(done));
}

std::shared_ptr<const broker::Permissions> LoginService::permissions_of(
    std::uint16_t listener, std::string_view user_name) const {
  std::optional<std::string> user;
  if (!user_name.empty()) user = user_name;
  return authenticator_.permissions(auth::RealmId{listener}, user);
}

}  // namespace server
