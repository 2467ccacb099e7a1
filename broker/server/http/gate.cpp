#include "broker/server/http/gate.h"

#include <array>
#include <nlohmann/json.hpp>
#include <sodium.h>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/http/basic_login.h"
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
  std::string name = credentials.name;
  return check_login(call, reply, std::move(credentials),
                     [name = std::move(name),
                      then = std::move(then)](const broker::Verdict& verdict) -> HttpAnswer {
                       if (verdict.reason == mqtt::Reason::success) return then();
                       return refusal_of(verdict, name);
                     });
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
  auto credentials = basic_credentials(call.request);
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
        log.write_event(LogType::notice, {.event = broker::Event::administrator_action},
                        concat({"HTTP: ", by_text(*admin, address), " logged in as ",
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
    log_.write_event(LogType::notice, {.event = broker::Event::administrator_action},
                     concat({"HTTP: ", by_text(*admin, call.client), " logged out."}));
  }
  admins_->close(token);
  HttpResponse response = json_response(200, "{\"logged_out\":true}\n");
  response.fields +=
      concat({"Set-Cookie: ", cookie_name, "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
              secure_ ? "; Secure" : "", "\r\n"});
  return response;
}

}  // namespace server
