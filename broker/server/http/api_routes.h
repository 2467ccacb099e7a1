// broker/server/http/api_routes.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "auth/role.h"
#include "broker/server/http/api_call.h"
#include "broker/server/http/desk.h"
#include "broker/server/http/gate.h"
#include "transport/http.h"
#include "transport/http_routes.h"

namespace server {

/// One operation of the API: a row of its table.
///
/// Invariant  A test holds the rows against openapi.json: each is there, and no others are.
struct ApiRoute {
  /// The part of the broker that answers.
  enum class Answer : std::uint8_t {
    log_in,
    log_out,
    session,   ///< the caller's name and role
    document,  ///< openapi.json, without a login
    main,      ///< the main thread
  };
  /// Makes the call of a request; `id` is the decoded text in the place of "{id}".
  ///
  /// Errors    One sentence.
  using Make = std::expected<ApiCall, std::string> (*)(const transport::HttpRequest& request,
                                                       const std::string& id);

  std::string_view method;
  std::string_view path;  // below /api/v1; "{id}", its last part, stands for any text
  auth::Role role = auth::Role::read_only;
  Answer answer = Answer::main;
  Make make = nullptr;  // of Answer::main
};
[[nodiscard]] std::span<const ApiRoute> api_routes() noexcept;

/// The path of the API.
inline constexpr std::string_view api_prefix = "/api/v1";

/// The handler of all paths below api_prefix.
[[nodiscard]] transport::HttpHandler api_handler(const std::shared_ptr<Desk>& desk,
                                                 const std::shared_ptr<const Gate>& gate);

}  // namespace server
