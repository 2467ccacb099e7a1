// broker/server/login_service.h
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "broker/core/access.h"
#include "broker/core/log.h"
#include "broker/core/login_done.h"
#include "conf/settings.h"

namespace auth {
class Realm;
}

namespace server {

/// Between the loops, which ask, and auth, which answers: one realm for each listener.
///
/// Lifetime   Loads its files once, and again when told to; outlives the loops' use of login().
/// Threads    Any.
class LoginService final : public broker::Authority {
 public:
  /// Reads the password and ACL files of every listener; one that several share is read once.
  ///
  /// Errors    The faults, each with its file and line, one a line.
  [[nodiscard]] static std::expected<std::vector<std::shared_ptr<const auth::Realm>>, std::string>
  load(const conf::Settings& settings);

  /// Warnings about those files, each once, in sentences.
  [[nodiscard]] static std::vector<std::string> warnings(
      const conf::Settings& settings,
      const std::vector<std::shared_ptr<const auth::Realm>>& realms);

  LoginService(std::vector<std::shared_ptr<const auth::Realm>> realms, broker::Log& log);

  /// For transport::Loops.
  [[nodiscard]] std::optional<broker::Verdict> login(broker::LoginRequest&& request,
                                                     broker::LoginDone done);

  [[nodiscard]] auth::AuthenticatorStatistics figures() const {
    return authenticator_.statistics();
  }

  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions_of(
      std::uint16_t listener, std::string_view user_name) const override;

  /// Puts freshly loaded realms in force for logins from now on.
  ///
  /// Returns   The changes for connected clients, for each listener there was before.
  std::vector<auth::RealmChange> replace(std::vector<std::shared_ptr<const auth::Realm>> realms);

 private:
  broker::Log& log_;
  auth::Authenticator authenticator_;
};

}  // namespace server
