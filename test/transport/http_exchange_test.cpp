#include "transport/http_exchange.h"

#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using State = HttpPieces::State;

/// Gives the pieces of a test, one step for each read().
class Script final : public HttpPieces {
 public:
  struct Step {
    std::string text;
    State state;
  };
  explicit Script(std::deque<Step> steps) : steps_(std::move(steps)) {}

  State read(std::string& into, std::size_t room) override {
    REQUIRE_FALSE(steps_.empty());
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    REQUIRE(step.text.size() <= room);
    into += step.text;
    return step.state;
  }

 private:
  std::deque<Step> steps_;
};

/// One request to a handler that keeps it.
struct Scene {
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit Scene(std::string_view method, Fields fields = {}, unsigned minor = 1) {
    HttpCall call;
    call.request.method = method;
    call.request.target = "/api";
    call.request.fields = std::move(fields);
    call.request.major = 1;
    call.request.minor = minor;
    const auto keep = [this](HttpCall& asked, const HttpReply&) -> HttpAnswer {
      body = asked.body;
      return HttpLater{};
    };
    auto routes = std::make_shared<HttpRoutes>(std::vector<HttpRoutes::Route>{{"/api", keep, 10}});
    exchange.emplace(std::move(call), std::move(routes), open);
  }

  void ask() {
    REQUIRE_FALSE(exchange->expect_body());
    REQUIRE(exchange->read({}));
    REQUIRE(std::holds_alternative<HttpLater>(exchange->ask({})));
    REQUIRE(exchange->awaits_answer());
  }
  /// All that is written until something else than `more` is said.
  State write(std::string& all) {
    State state = State::more;
    while (state == State::more) state = exchange->write(all, 100);
    return state;
  }

  std::size_t open = 0;
  std::optional<std::string> body;
  std::optional<HttpExchange> exchange;
};

HttpResponse in_pieces(std::deque<Script::Step> steps,
                       std::optional<std::uint64_t> bytes = std::nullopt) {
  HttpResponse response;
  response.body = "begin ";
  response.pieces = std::make_unique<Script>(std::move(steps));
  response.pieces_bytes = bytes;
  return response;
}

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n";

}  // namespace

TEST_CASE("the body of a request is whole however it is cut", "[http_exchange]") {
  Scene scene("POST", {{"content-length", "5"}});
  REQUIRE_FALSE(scene.exchange->expect_body());
  const auto cut = pieces("hello", GENERATE(Cut::whole, Cut::halves, Cut::bytes));
  bool whole = scene.exchange->read({});
  for (const std::string& piece : cut) {
    CHECK_FALSE(whole);
    whole = scene.exchange->read(mqtt::as_bytes(piece));
  }
  CHECK(whole);
  static_cast<void>(scene.exchange->ask({}));
  CHECK(scene.body == "hello");
}

TEST_CASE("bytes behind a body are dropped", "[http_exchange]") {
  Scene scene("POST", {{"content-length", "5"}});
  REQUIRE_FALSE(scene.exchange->expect_body());
  CHECK(scene.exchange->read(mqtt::as_bytes("hello GET /")));
  static_cast<void>(scene.exchange->ask({}));
  CHECK(scene.body == "hello");
}

TEST_CASE("a body without a good length is refused", "[http_exchange]") {
  const auto [fields, status] = GENERATE(table<Scene::Fields, unsigned>({
      {{{"content-length", "11"}}, 413},
      {{{"content-length", "99999999999999999999999"}}, 400},
      {{{"content-length", "-1"}}, 400},
      {{{"content-length", ""}}, 400},
      {{{"content-length", "5 "}}, 400},
      {{{"content-length", "5"}, {"content-length", "6"}}, 400},
      {{{"transfer-encoding", "chunked"}}, 411},
      {{{"content-length", "5"}, {"transfer-encoding", "chunked"}}, 411},
  }));
  Scene scene("POST", fields);
  const auto refusal = scene.exchange->expect_body();
  REQUIRE(refusal);
  CHECK(refusal->status == status);
}

TEST_CASE("a client that waits for a 100 Continue gets one before its body", "[http_exchange]") {
  Scene waits("POST", {{"content-length", "5"}, {"expect", "100-Continue"}});
  REQUIRE_FALSE(waits.exchange->expect_body());
  CHECK(waits.exchange->wants_continue());
  Scene old("POST", {{"content-length", "5"}, {"expect", "100-continue"}}, 0);
  REQUIRE_FALSE(old.exchange->expect_body());
  CHECK_FALSE(old.exchange->wants_continue());
  Scene empty("POST", {{"expect", "100-continue"}});
  REQUIRE_FALSE(empty.exchange->expect_body());
  CHECK_FALSE(empty.exchange->wants_continue());
}

TEST_CASE("a whole answer has its length", "[http_exchange]") {
  const auto [method, body] =
      GENERATE(table<std::string, std::string>({{"GET", "hello"}, {"HEAD", ""}}));
  Scene scene(method);
  scene.ask();
  HttpResponse response;
  response.fields = "X-A: b\r\n";
  response.body = "hello";
  scene.exchange->answer(std::move(response));
  std::string all;
  CHECK(scene.write(all) == State::end);
  CHECK(all == ok + "Content-Length: 5\r\nX-A: b\r\nConnection: close\r\n\r\n" + body);
  CHECK_FALSE(scene.exchange->has_more());
}

TEST_CASE("an answer without a body says nothing of one", "[http_exchange]") {
  Scene scene("DELETE");
  scene.ask();
  HttpResponse response;
  response.status = 204;
  response.type = {};
  scene.exchange->answer(std::move(response));
  std::string all;
  CHECK(scene.write(all) == State::end);
  CHECK(all == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST_CASE("pieces of unknown length are chunks, or end with the connection of HTTP/1.0",
          "[http_exchange]") {
  const auto [minor, head, body] = GENERATE(table<unsigned, std::string, std::string>({
      {1U, "Transfer-Encoding: chunked\r\n",
       "6\r\nbegin \r\n10\r\nsixteen letters!\r\n3\r\nend\r\n0\r\n\r\n"},
      {0U, "", "begin sixteen letters!end"},
  }));
  Scene scene("GET", {}, minor);
  scene.ask();
  scene.exchange->answer(
      in_pieces({{"sixteen letters!", State::more}, {"", State::waits}, {"end", State::end}}));
  std::string all;
  CHECK(scene.write(all) == State::waits);
  CHECK(scene.exchange->has_more());
  CHECK(scene.write(all) == State::end);
  CHECK(all == ok + head + "Connection: close\r\n\r\n" + body);
  CHECK_FALSE(scene.exchange->has_more());
}

TEST_CASE("pieces of known length come as they are, and no byte more", "[http_exchange]") {
  const auto [steps, end, body] = GENERATE(table<std::deque<Script::Step>, State, std::string>({
      {{{"1234", State::more}, {"5", State::more}}, State::end, "12345"},
      {{{"1234", State::more}, {"56", State::more}}, State::end, "12345"},
      {{{"1234", State::more}, {"", State::end}}, State::failed, "1234"},
      {{{"12345", State::waits}}, State::end, "12345"},
  }));
  Scene scene("GET");
  scene.ask();
  scene.exchange->answer(in_pieces(steps, 5));
  std::string all;
  CHECK(scene.write(all) == end);
  CHECK(all == ok + "Content-Length: 11\r\nConnection: close\r\n\r\nbegin " + body);
}

TEST_CASE("chunks that fail have no last one", "[http_exchange]") {
  Scene scene("GET");
  scene.ask();
  scene.exchange->answer(in_pieces({{"a", State::more}, {"", State::failed}}));
  std::string all;
  CHECK(scene.write(all) == State::failed);
  CHECK(all.ends_with("1\r\na\r\n"));
  CHECK_FALSE(scene.exchange->has_more());
}

TEST_CASE("HEAD has the head of an answer in pieces, and no piece is asked for",
          "[http_exchange]") {
  Scene scene("HEAD");
  scene.ask();
  scene.exchange->answer(in_pieces({}, 7));
  std::string all;
  CHECK(scene.write(all) == State::end);
  CHECK(all == ok + "Content-Length: 13\r\nConnection: close\r\n\r\n");
}

TEST_CASE("exchanges are counted while they live", "[http_exchange]") {
  Scene scene("GET");
  CHECK(scene.open == 1);
  scene.exchange.reset();
  CHECK(scene.open == 0);
}

}  // namespace transport
