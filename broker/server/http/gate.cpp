#include "broker/server/http/gate.h"

#include <array>
#include <nlohmann/json.hpp>
#include <sodium.h>
#include <utility>
#include <variant>

#include "broker/core/text.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;
using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpRefusal;
using transport::HttpReply;
using transport::HttpRequest;
using transport::HttpResponse;

constexpr std::string_view cookie_name = "darter_session";

/// A user name with a password.
struct Credentials {
  std::string name;
  broker::Secret password;
};

/// The value of the session's cookie; empty: there is none.
std::string_view token_of(const HttpRequest& request) {
  for (const auto& [name, value] : request.fields) {
    if (name != "cookie") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.size() <= cookie_name.size() || pair[cookie_name.size()] != '=') continue;
      if (pair.starts_with(cookie_name)) return pair.substr(cookie_name.size() + 1);
    }
  }
  return {};
}

/// The credentials of "Authorization: Basic ..."; nothing: there are none, or they are malformed.
std::optional<Credentials> basic_of(const HttpRequest& request) {
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

/// The credentials of a login's body.
std::optional<Credentials> credentials_in(std::string& body) {
  auto json = nlohmann::json::parse(body, nullptr, false);
  sodium_memzero(body.data(), body.size());
  if (!json.is_object()) return std::nullopt;
  const auto name = json.find("name");
  const auto password = json.find("password");
  if (name == json.end() || password == json.end()) return std::nullopt;
  if (!name->is_string() || !password->is_string()) return std::nullopt;
  auto& secret = password->get_ref<std::string&>();
  Credentials found{name->get<std::string>(), broker::Secret(std::string_view(secret))};
  sodium_memzero(secret.data(), secret.size());
  return found;
}

/// Gives a late answer.
void deliver(const HttpReply& reply, HttpAnswer answer) {
  if (auto* const response = std::get_if<HttpResponse>(&answer)) reply.answer(std::move(*response));
  if (const auto* const refusal = std::get_if<HttpRefusal>(&answer)) reply.refuse(*refusal);
}

HttpRefusal refusal_of(const broker::Verdict& verdict, std::string_view name) {
  if (broker::is_wrong_login(verdict.reason)) {
    return json_refusal(401, "The name or the password is wrong.");
  }
  if (verdict.reason == mqtt::Reason::banned) {
    return json_refusal(403, "Too many logins from this address have failed: it is banned.");
  }
  return json_refusal(503, concat({"The login of '", transport::printable(name),
                                   "' could not be checked: ", verdict.why, "."}));
}

/// Has a password checked, and answers later.
HttpAnswer check(const HttpCall& call, const HttpReply& reply, Credentials credentials,
                 std::function<HttpAnswer()> then) {
  broker::LoginRequest request;
  request.listener = call.listener;
  request.user = credentials.name;
  request.password = std::move(credentials.password);
  request.client_id = "http";
  request.address = call.client.text();
  reply.check_login(std::move(request), [reply, name = std::move(credentials.name),
                                         then = std::move(then)](const broker::Verdict& verdict) {
    if (verdict.reason == mqtt::Reason::success) return deliver(reply, then());
    reply.refuse(refusal_of(verdict, name));
  });
  return transport::HttpLater{};
}

HttpRefusal not_logged_in(const HttpRequest& request) {
  HttpRefusal refusal = json_refusal(401, "Log in first.");
  // Browsers ask for a password themselves if they read this; the page has a form of its own.
  if (request.find("x-darter-request") == nullptr) {
    refusal.fields += "WWW-Authenticate: Basic realm=\"darter\", charset=\"UTF-8\"\r\n";
  }
  return refusal;
}

HttpAnswer judge(const std::optional<Admin>& admin, auth::Role needed, const Gate::Then& then) {
  if (!admin) return json_refusal(401, "The name or the password is wrong.");
  if (admin->role < needed) return json_refusal(403, "Your role is read-only: you change nothing.");
  return then(*admin);
}

}  // namespace

HttpResponse json_response(unsigned status, std::string json) {
  HttpResponse response;
  response.status = status;
  response.type = "application/json";
  response.fields = data_fields;
  response.body = std::move(json);
  return response;
}

HttpRefusal json_refusal(unsigned status, std::string text) {
  return {status, std::move(text), std::string(data_fields), true};
}

std::string by_text(const Admin& admin, const transport::PeerAddress& address) {
  return concat({"'", broker::cut(admin.name), "' (", address.text(), ")"});
}

std::optional<HttpRefusal> Gate::suspect(const HttpRequest& request) {
  if (request.find("x-darter-request") == nullptr) {
    return json_refusal(403, "A change needs the header field 'X-Darter-Request: 1'.");
  }
  const std::string* const origin = request.find("origin");
  if (origin == nullptr) return std::nullopt;
  const std::size_t scheme = origin->find("://");
  if (scheme != origin->npos &&
      transport::equal_any_case(std::string_view(*origin).substr(scheme + 3),
                                request.value("host"))) {
    return std::nullopt;
  }
  return json_refusal(403,
                      "The Origin is another one than the Host: a page of another site may not "
                      "change anything. A proxy in between has to pass the Host on.");
}

HttpAnswer Gate::admit(const HttpCall& call, const HttpReply& reply, auth::Role needed,
                       Then then) const {
  if (const std::string_view token = token_of(call.request); !token.empty()) {
    if (const auto admin = admins_->find(token, transport::Loops::now())) {
      return judge(admin, needed, then);
    }
  }
  auto credentials = basic_of(call.request);
  if (!credentials) return not_logged_in(call.request);
  std::string name = credentials->name;
  return check(call, reply, std::move(*credentials),
               [admins = admins_, name = std::move(name), needed, then = std::move(then)] {
                 return judge(admins->user(name), needed, then);
               });
}

HttpAnswer Gate::log_in(HttpCall& call, const HttpReply& reply) const {
  auto credentials = credentials_in(call.body);
  if (!credentials) {
    return json_refusal(400, "The body of a login is {\"name\": TEXT, \"password\": TEXT}.");
  }
  std::string name = credentials->name;
  return check(
      call, reply, std::move(*credentials),
      [admins = admins_, &log = log_, secure = secure_, name = std::move(name),
       address = call.client]() -> HttpAnswer {
        const auto admin = admins->user(name);
        if (!admin) return json_refusal(401, "The name or the password is wrong.");
        log.write(LogType::notice, concat({"HTTP: ", by_text(*admin, address), " logged in as ",
                                           auth::name_of(admin->role), "."}));
        const nlohmann::ordered_json who = {{"name", admin->name},
                                            {"role", auth::name_of(admin->role)}};
        HttpResponse response = json_response(
            200, who.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
        response.fields +=
            concat({"Set-Cookie: ", cookie_name, "=", admins->open(name, transport::Loops::now()),
                    "; Path=/; Max-Age=", std::to_string(Admins::life_milliseconds / 1000),
                    "; HttpOnly; SameSite=Strict", secure ? "; Secure" : "", "\r\n"});
        return response;
      });
}

HttpAnswer Gate::log_out(const HttpCall& call) const {
  const std::string_view token = token_of(call.request);
  if (const auto admin = admins_->find(token, transport::Loops::now())) {
    log_.write(LogType::notice, concat({"HTTP: ", by_text(*admin, call.client), " logged out."}));
  }
  admins_->close(token);
  HttpResponse response = json_response(200, "{\"logged_out\":true}\n");
  response.fields +=
      concat({"Set-Cookie: ", cookie_name, "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
              secure_ ? "; Secure" : "", "\r\n"});
  return response;
}

}  // namespace server
