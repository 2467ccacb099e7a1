#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "auth/realm.h"
#include "broker/server/history.h"
#include "broker/server/http/admins.h"
#include "broker/server/http/api_routes.h"
#include "broker/server/http/page_files.h"
#include "broker/server/sight.h"

namespace {

using nlohmann::json;
using server::Admins;

const std::string hash =
    "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const std::string other_hash =
    "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A realm of administrators with that file.
std::shared_ptr<const auth::Realm> realm_of(const std::string& text) {
  const auto path =
      std::filesystem::temp_directory_path() / ("darter_admins_" + std::to_string(::getpid()));
  std::ofstream(path) << text;
  auto realm = auth::Realm::load({.password_file = path.string(),
                                  .acl_file = {},
                                  .allow_anonymous = false,
                                  .refuse_open_secrets = false,
                                  .has_roles = true});
  std::filesystem::remove(path);
  REQUIRE(realm);
  return *realm;
}

transport::HttpRequest request_of(
    std::initializer_list<std::pair<const char*, const char*>> fields) {
  transport::HttpRequest request;
  for (const auto& [name, value] : fields) request.fields.emplace_back(name, value);
  return request;
}

}  // namespace

TEST_CASE("a session of an administrator lasts until its user changes or its time is over",
          "[admins]") {
  Admins admins;
  CHECK_FALSE(admins.is_on());
  admins.replace(realm_of("ann:" + hash + ":admin\nbob:" + hash + "\n"));
  CHECK(admins.is_on());
  CHECK(admins.user("ann")->role == auth::Role::admin);
  CHECK(admins.user("bob")->role == auth::Role::read_only);
  CHECK_FALSE(admins.user("eve"));
  const std::string ann = admins.open("ann", {1000});
  const std::string bob = admins.open("bob", {1000});
  CHECK(ann != bob);
  CHECK(admins.find(ann, {1000})->name == "ann");
  CHECK_FALSE(admins.find("", {1000}));
  CHECK_FALSE(admins.find(ann + "0", {1000}));

  // Another role holds at once, another password ends the session.
  admins.replace(realm_of("ann:" + hash + ":read-only\nbob:" + other_hash + ":admin\n"));
  CHECK(admins.find(ann, {1000})->role == auth::Role::read_only);
  CHECK_FALSE(admins.find(bob, {1000}));
  admins.close(ann);
  CHECK_FALSE(admins.find(ann, {1000}));

  const std::string idle = admins.open("ann", {0});
  const std::string busy = admins.open("ann", {0});
  for (std::int64_t at = 0; at < Admins::life_milliseconds; at += Admins::idle_milliseconds / 2) {
    CHECK(admins.find(busy, {at}));
  }
  CHECK_FALSE(admins.find(busy, {Admins::life_milliseconds}));
  CHECK_FALSE(admins.find(idle, {Admins::idle_milliseconds}));

  admins.replace(auth::Realm::nobody());
  CHECK_FALSE(admins.is_on());
}

TEST_CASE("sessions are bounded: those of a user that were not used for longest end", "[admins]") {
  Admins admins;
  admins.replace(realm_of("ann:" + hash + "\nbob:" + hash + "\n"));
  const std::string bob = admins.open("bob", {1});
  const std::string first = admins.open("ann", {2});
  const std::string second = admins.open("ann", {3});
  CHECK(admins.find(first, {4}));
  for (std::size_t i = 2; i <= Admins::sessions_of_user_max; ++i) {
    static_cast<void>(admins.open("ann", {5}));
  }
  CHECK(admins.find(first, {6}));
  CHECK_FALSE(admins.find(second, {6}));
  CHECK(admins.find(bob, {6}));
}

TEST_CASE("a change that a page of another site could ask for is refused", "[gate]") {
  using server::Gate;
  CHECK(Gate::suspect(request_of({{"host", "a:1"}}))->status == 403);
  CHECK(Gate::suspect(request_of({{"host", "a:1"}, {"origin", "http://a:1"}})));
  CHECK_FALSE(Gate::suspect(request_of({{"host", "a:1"}, {"x-darter-request", "1"}})));
  CHECK_FALSE(Gate::suspect(
      request_of({{"host", "a:1"}, {"x-darter-request", "1"}, {"origin", "http://A:1"}})));
  for (const char* origin : {"http://b", "http://a", "http://a:12", "null", "a:1", ""}) {
    CAPTURE(origin);
    CHECK(Gate::suspect(
        request_of({{"host", "a:1"}, {"x-darter-request", "1"}, {"origin", origin}})));
  }
}

TEST_CASE("the document of the API has every route, and no other", "[api]") {
  const json document = json::parse(server::openapi_document());
  std::set<std::string> described;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      described.insert(method + " " + path);
      CHECK(operation["responses"].contains("200"));
      // A change says that it needs the header field which foreign pages cannot send.
      const bool needs_field =
          operation.value("parameters", json::array()).dump().contains("Request");
      CHECK(needs_field == (method != "get"));
    }
  }
  std::set<std::string> served;
  for (const server::ApiRoute& route : server::api_routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char letter) { return static_cast<char>(letter | 0x20); });
    served.insert(method + " " + std::string(route.path));
    CHECK((route.make != nullptr) == (route.answer == server::ApiRoute::Answer::main));
    // A read-only user sees no trace: it shows more than the log.
    const bool is_change = route.method == "DELETE" || route.path.starts_with("/traces") ||
                           (route.method == "POST" && route.path == "/backups");
    CHECK((route.role == auth::Role::admin) == is_change);
  }
  CHECK(described == served);
}

TEST_CASE("the status page names no place outside, and has no script or style inline", "[page]") {
  for (const server::PageFile& file : server::page_files()) {
    CAPTURE(file.path);
    CHECK_FALSE(file.text.empty());
    std::string text(file.text);
    for (std::size_t at = 0; (at = text.find("http://www.w3.org/", at)) != text.npos;) {
      text.erase(at, 18);  // names of formats
    }
    CHECK(text.find("://") == text.npos);
    if (!file.type.starts_with("text/html")) continue;
    CHECK(text.find(" style=") == text.npos);
    CHECK(text.find("<style") == text.npos);
    CHECK(text.find(" on") == text.npos);
    CHECK(text.find("<script src=") != text.npos);
    CHECK(text.find("<script>") == text.npos);
  }
}

TEST_CASE("the page may open WebSockets of its own host, and no text adds a rule", "[page]") {
  CHECK(server::websocket_sources("broker.example:8080") ==
        "ws://broker.example:* wss://broker.example:*");
  CHECK(server::websocket_sources("192.0.2.1") == "ws://192.0.2.1:* wss://192.0.2.1:*");
  CHECK(server::websocket_sources("[2001:db8::1]:80") == "ws: wss:");
  for (const char* host : {"", ":80", "*", "a b", "a;script-src *", "a'", "a:1:2"}) {
    CAPTURE(host);
    CHECK(server::websocket_sources(host).empty());
  }
}

TEST_CASE("the history has rates of the last hour", "[history]") {
  server::History history;
  server::Sight sight;
  CHECK(history.is_due({0}));
  history.begin({0});
  CHECK_FALSE(history.is_due({9'999}));
  CHECK(history.is_due({10'000}));
  history.add(sight, {0}, 100);
  CHECK(history.size() == 0);
  sight.shards.bytes_received = 500;
  sight.shards.clients_connected = 7;
  for (int i = 0; i < 99; ++i) sight.counts.turn.add(3);
  sight.counts.turn.add(5'000);
  history.add(sight, {10'000}, 110);
  history.add(sight, {20'000}, 120);
  const auto shown = history.json();
  CHECK(shown["times"] == json{110, 120});
  const auto values_of = [&](std::string_view name) {
    for (const auto& each : shown["series"]) {
      if (each["name"] == name) return json(each["values"]);
    }
    return json();
  };
  CHECK(values_of("received") == json{50.0, 0.0});
  CHECK(values_of("clients_connected") == json{7.0, 7.0});
  CHECK(values_of("loop_turn") == json{4.0, 0.0});
  for (std::int64_t i = 0; i < 400; ++i) history.add(sight, {30'000 + i * 10'000}, 130 + i);
  CHECK(history.size() == server::History::samples_max);
}
