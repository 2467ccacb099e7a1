#include "transport/http_routes.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace transport {
namespace {

/// Answers with its name.
HttpHandler named(std::string name) {
  return [name = std::move(name)](HttpCall&, const HttpReply&) -> HttpAnswer {
    HttpResponse response;
    response.body = name;
    return response;
  };
}

HttpHandler declining(unsigned status) {
  return [status](HttpCall&, const HttpReply&) -> HttpAnswer {
    if (status == 0) return HttpDeclined{};
    return HttpDeclined{HttpRefusal{status, "Not here.", {}}};
  };
}

HttpAnswer answer(const HttpRoutes& routes, std::string_view target) {
  HttpCall call;
  call.request.method = "GET";
  call.request.target = target;
  return routes.answer(call, {});
}

std::string name_of(const HttpRoutes& routes, std::string_view target) {
  const HttpAnswer found = answer(routes, target);
  REQUIRE(std::holds_alternative<HttpResponse>(found));
  return std::get<HttpResponse>(found).body;
}

}  // namespace

TEST_CASE("the longest prefix that fits a path has its handler", "[http_routes]") {
  const HttpRoutes routes({{"", named("all")},
                           {"/api", named("api")},
                           {"/api/v1/clients", named("clients"), 100},
                           {"/files/", named("files")}});
  CHECK(name_of(routes, "/") == "all");
  CHECK(name_of(routes, "*") == "all");
  CHECK(name_of(routes, "/api") == "api");
  CHECK(name_of(routes, "/api?x=/api/v1/clients") == "api");
  CHECK(name_of(routes, "/api/v2") == "api");
  CHECK(name_of(routes, "/apis") == "all");
  CHECK(name_of(routes, "/api/v1/clients/a") == "clients");
  CHECK(name_of(routes, "http://broker/api") == "api");
  CHECK(name_of(routes, "/files/a") == "files");
  CHECK(name_of(routes, "/files") == "all");
  CHECK(routes.body_bytes_max("/api/v1/clients/a") == 100);
  CHECK(routes.body_bytes_max("/api") == 0);
}

TEST_CASE("a handler that declines leaves a request to the next", "[http_routes]") {
  const HttpRoutes routes({{"/a", declining(0)}, {"", declining(404)}, {"", named("last")}});
  CHECK(name_of(routes, "/a") == "last");
}

TEST_CASE("of handlers that decline the first refusal is the answer", "[http_routes]") {
  const HttpRoutes routes({{"/a", declining(404)}, {"", declining(405)}});
  const HttpAnswer found = answer(routes, "/a");
  REQUIRE(std::holds_alternative<HttpRefusal>(found));
  CHECK(std::get<HttpRefusal>(found).status == 404);
}

TEST_CASE("no handler, no answer", "[http_routes]") {
  CHECK(std::holds_alternative<HttpDeclined>(answer(HttpRoutes({}), "/")));
  CHECK(std::holds_alternative<HttpDeclined>(answer(HttpRoutes({{"", declining(0)}}), "/")));
  CHECK(HttpRoutes({}).body_bytes_max("/") == 0);
}

}  // namespace transport
