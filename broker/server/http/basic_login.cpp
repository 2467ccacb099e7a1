#include "broker/server/http/basic_login.h"

#include <cassert>
#include <sodium.h>
#include <string_view>
#include <utility>
#include <variant>

namespace server {
namespace {

using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpReply;

/// Gives a late answer.
void deliver(const HttpReply& reply, HttpAnswer answer) {
  if (auto* const response = std::get_if<transport::HttpResponse>(&answer))
    reply.answer(std::move(*response));
  if (const auto* const refusal = std::get_if<transport::HttpRefusal>(&answer))
    reply.refuse(*refusal);
}

}  // namespace

std::optional<Credentials> basic_credentials(const transport::HttpRequest& request) {
  const std::string_view value = request.value("authorization");
  constexpr std::string_view scheme = "basic ";
  if (value.size() <= scheme.size() ||
      !transport::equal_any_case(value.substr(0, scheme.size()), scheme)) {
    return std::nullopt;
  }
  const std::string_view text = value.substr(scheme.size());
  std::string decoded(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  const bool good = sodium_base642bin(reinterpret_cast<unsigned char*>(decoded.data()),
                                      decoded.size(), text.data(), text.size(), " ", &size, &end,
                                      sodium_base64_VARIANT_ORIGINAL) == 0 &&
                    end == text.data() + text.size();
  const std::string_view pair = std::string_view(decoded).substr(0, size);
  const std::size_t colon = pair.find(':');
  std::optional<Credentials> found;
  if (good && colon != pair.npos) {
    found = Credentials{std::string(pair.substr(0, colon)), broker::Secret(pair.substr(colon + 1))};
  }
  sodium_memzero(decoded.data(), decoded.size());
  return found;
}

HttpAnswer check_login(const HttpCall& call, const HttpReply& reply,
                       std::optional<Credentials> credentials,
                       std::function<HttpAnswer(const broker::Verdict&)> then) {
  broker::LoginRequest request;
  request.listener = call.listener;
  if (credentials) {
    request.user = std::move(credentials->name);
    request.password = std::move(credentials->password);
  }
  request.client_id = "http-api";
  request.address = call.client.text();
  reply.check_login(std::move(request),
                    [reply, then = std::move(then)](const broker::Verdict& verdict) {
                      deliver(reply, then(verdict));
                    });
  return transport::HttpLater{};
}

}  // namespace server
