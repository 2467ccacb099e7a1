#include "transport/http_stage.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "test/transport/fixture.h"

namespace transport {
namespace {

/// Requests that a handler keeps until the test answers them.
class Desk {
 public:
  [[nodiscard]] HttpHandler handler() {
    return [this](HttpCall& call, const HttpReply& reply) -> HttpAnswer {
      const std::lock_guard lock(mutex_);
      bodies_.push_back(std::move(call.body));
      replies_.push_back(reply);
      return HttpLater{};
    };
  }
  /// The way back to a request; waits until it is there.
  [[nodiscard]] HttpReply reply(std::size_t index) {
    REQUIRE(eventually([&] { return count() > index; }));
    const std::lock_guard lock(mutex_);
    return replies_[index];
  }
  [[nodiscard]] std::string body(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return bodies_[index];
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    return replies_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::vector<HttpReply> replies_;
};

/// The text of a Feed, and the news of its end. Safe from any thread.
struct Channel {
  std::mutex mutex;
  std::deque<std::string> texts;
  bool ended = false;
  std::atomic<bool> destroyed{false};

  void say(std::string text, bool end = false) {
    const std::lock_guard lock(mutex);
    texts.push_back(std::move(text));
    ended = end;
  }
};

/// Pieces that come when the test says so.
class Feed final : public HttpPieces {
 public:
  explicit Feed(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  ~Feed() override { channel_->destroyed = true; }

  State read(std::string& into, std::size_t /*room*/) override {
    const std::lock_guard lock(channel_->mutex);
    if (channel_->texts.empty()) return channel_->ended ? State::end : State::waits;
    into += channel_->texts.front();
    channel_->texts.pop_front();
    return State::more;
  }

 private:
  std::shared_ptr<Channel> channel_;
};

/// Pieces without an end.
class Flood final : public HttpPieces {
 public:
  struct Seen {
    std::atomic<std::size_t> bytes{0};
    std::atomic<bool> destroyed{false};
  };
  explicit Flood(Seen& seen) : seen_(seen) {}
  ~Flood() override { seen_.destroyed = true; }

  State read(std::string& into, std::size_t room) override {
    into.append(room, 'x');
    seen_.bytes += room;
    return State::more;
  }

 private:
  Seen& seen_;
};

TestBroker::Options with(HttpHandler handler, std::size_t body_bytes_max = 0) {
  TestBroker::Options options;
  options.http = std::make_shared<HttpRoutes>(
      std::vector<HttpRoutes::Route>{{"/api", std::move(handler), body_bytes_max}});
  return options;
}

HttpResponse saying(std::string text) {
  HttpResponse response;
  response.body = std::move(text);
  return response;
}

const std::string get = "GET /api HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace

TEST_CASE("a handler answers later, from another thread", "[http_stage]") {
  Desk desk;
  TestBroker::Options options = with(desk.handler());
  options.loops = GENERATE(1U, 3U);
  TestBroker broker(std::move(options));
  Client one(broker.websocket_port());
  Client two(broker.websocket_port());
  one.send_slowly(get);
  const HttpReply first = desk.reply(0);
  two.send(get);
  const HttpReply second = desk.reply(1);
  std::thread([&] {
    second.answer(saying("second"));
    first.answer(saying("first"));
    first.answer(saying("too late"));
  }).join();
  CHECK(one.receive_all().ends_with("\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfirst"));
  CHECK(two.receive_all().ends_with("\r\n\r\nsecond"));
}

TEST_CASE("a handler refuses later, and the log says so", "[http_stage]") {
  Desk desk;
  TestBroker broker(with(desk.handler()));
  Client client(broker.websocket_port());
  client.send(get);
  desk.reply(0).refuse({409, "Somebody else changed it.", {}});
  CHECK(client.receive_all().starts_with("HTTP/1.1 409 Conflict\r\n"));
  CHECK(broker.log().says("refused: 409 Conflict: Somebody else changed it."));
}

TEST_CASE("an answer goes on when its handler has more", "[http_stage]") {
  Desk desk;
  TestBroker broker(with(desk.handler()));
  Client client(broker.websocket_port());
  client.send(get);
  const HttpReply reply = desk.reply(0);
  const auto channel = std::make_shared<Channel>();
  HttpResponse response;
  response.pieces = std::make_unique<Feed>(channel);
  reply.answer(std::move(response));
  CHECK(client.receive_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") !=
        std::string::npos);
  for (const std::string_view text : {"one", "two"}) {
    channel->say(std::string(text));
    reply.go_on();
    CHECK(client.receive_until(std::string(text) + "\r\n") == "3\r\n" + std::string(text) + "\r\n");
  }
  channel->say("last", true);
  reply.go_on();
  CHECK(client.receive_all() == "4\r\nlast\r\n0\r\n\r\n");
  CHECK(eventually([&] { return channel->destroyed.load(); }));
  reply.go_on();  // nothing is left to go on
}

TEST_CASE("a client that does not read stops its own pieces only", "[http_stage]") {
  Flood::Seen seen;
  TestBroker broker(with([&](HttpCall&, const HttpReply&) -> HttpAnswer {
    HttpResponse response;
    response.pieces = std::make_unique<Flood>(seen);
    return response;
  }));
  Client slow(broker.websocket_port(), 4096);
  slow.send(get);
  // The socket is full once nothing more is asked for.
  std::size_t before = 0;
  REQUIRE(eventually([&] {
    const std::size_t bytes = seen.bytes;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return bytes > 0 && std::exchange(before, bytes) == bytes && seen.bytes == bytes;
  }));
  CHECK(seen.bytes < (std::size_t{32} << 20U));
  // The same loop serves others meanwhile: MQTT, and an answer that is taken.
  Client mqtt(broker.port());
  mqtt.send(connect("a") + subscribe("t") + publish("t", "hello"));
  CHECK(mqtt.receive_until("hello").ends_with("hello"));
  Client fast(broker.websocket_port());
  fast.send(get);
  CHECK(fast.receive(std::size_t{8} << 20U).size() == std::size_t{8} << 20U);
  mqtt.send(publish("t", "again"));
  CHECK(mqtt.receive_until("again").ends_with("again"));
  CHECK_FALSE(seen.destroyed);
  slow.close();
  fast.close();
  CHECK(eventually([&] { return seen.destroyed.load(); }));
}

TEST_CASE("a handler hears that its client is gone, and answers into the void", "[http_stage]") {
  Desk desk;
  TestBroker broker(with(desk.handler()));
  Client client(broker.websocket_port());
  client.send(get);
  const HttpReply reply = desk.reply(0);
  const auto channel = std::make_shared<Channel>();
  HttpResponse response;
  response.pieces = std::make_unique<Feed>(channel);
  reply.answer(std::move(response));
  static_cast<void>(client.receive_until("\r\n\r\n"));
  client.close();
  CHECK(eventually([&] { return channel->destroyed.load(); }));
  reply.go_on();
  reply.answer(saying("too late"));
  Client next(broker.websocket_port());
  next.send(get);
  desk.reply(1).answer(saying("next"));
  CHECK(next.receive_all().ends_with("\r\n\r\nnext"));
}

TEST_CASE("a body comes to its handler, up to a bound", "[http_stage]") {
  Desk desk;
  TestBroker broker(with(desk.handler(), 10));
  Client client(broker.websocket_port());
  client.send_slowly("POST /api HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
  desk.reply(0).answer(saying("good"));
  CHECK(client.receive_all().ends_with("\r\n\r\ngood"));
  CHECK(desk.body(0) == "hello");
  Client polite(broker.websocket_port());
  polite.send("POST /api HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(polite.receive_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  polite.send("again");
  desk.reply(1).answer(saying("good"));
  CHECK(polite.receive_all().ends_with("\r\n\r\ngood"));
  CHECK(desk.body(1) == "again");
  Client large(broker.websocket_port());
  large.send("POST /api HTTP/1.1\r\nContent-Length: 11\r\n\r\n");
  CHECK(large.receive_all().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  CHECK(desk.count() == 2);
}

TEST_CASE("the number of open requests is bounded", "[http_stage]") {
  Desk desk;
  TestBroker::Options options = with(desk.handler());
  options.loop.http.open_max = 1;
  TestBroker broker(std::move(options));
  Client first(broker.websocket_port());
  first.send(get);
  const HttpReply reply = desk.reply(0);
  Client second(broker.websocket_port());
  second.send(get);
  const std::string refused = second.receive_all();
  CHECK(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(refused.find("Retry-After: 1\r\n") != std::string::npos);
  reply.answer(saying("done"));
  CHECK(first.receive_all().ends_with("\r\n\r\ndone"));
  Client third(broker.websocket_port());
  third.send(get);
  desk.reply(1).answer(saying("done"));
  CHECK(third.receive_all().ends_with("\r\n\r\ndone"));
}

TEST_CASE("a handler that takes too long is not waited for", "[http_stage]") {
  Desk desk;
  TestBroker::Options options = with(desk.handler());
  // Long enough for the second answer to begin in time on a machine under load.
  options.loop.http.answer_milliseconds = 500;
  TestBroker broker(std::move(options));
  Client client(broker.websocket_port());
  client.send(get);
  CHECK(client.receive_all().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  desk.reply(0).answer(saying("too late"));
  Client other(broker.websocket_port());
  other.send(get);
  const auto channel = std::make_shared<Channel>();
  HttpResponse response;
  response.pieces = std::make_unique<Feed>(channel);
  desk.reply(1).answer(std::move(response));
  CHECK_FALSE(other.receive_all().ends_with("0\r\n\r\n"));
  CHECK(eventually([&] { return channel->destroyed.load(); }));
  CHECK(broker.log().says("the rest of its HTTP answer did not come in time"));
}

TEST_CASE("a request that no handler takes is refused as a WebSocket's", "[http_stage]") {
  Desk desk;
  TestBroker broker(with(desk.handler()));
  Client client(broker.websocket_port());
  client.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.receive_all().starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  Client websocket(broker.websocket_port());
  websocket.send(upgrade_request());
  CHECK(websocket.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
}

}  // namespace transport
