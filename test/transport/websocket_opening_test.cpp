#include "transport/websocket_opening.h"

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <variant>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using Progress = HttpRequestReader::Progress;

const std::string upgrade =
    "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

/// A folder with one page, which goes away.
class Site {
 public:
  explicit Site(std::string_view page) {
    std::string name = (std::filesystem::temp_directory_path() / "darter-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
    std::ofstream(path_ / "page.txt") << page;
  }
  ~Site() { std::filesystem::remove_all(path_); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

WebSocketOpening::Answer answer_of(WebSocketOpening& opening, std::string_view request) {
  REQUIRE(opening.read(mqtt::as_bytes(request)).progress == Progress::complete);
  return opening.answer();
}

std::string file_of(WebSocketOpening& opening) {
  std::string all;
  std::array<char, 4> place;
  while (opening.has_file()) {
    const std::span<char> piece = opening.read_file(place);
    all.append(piece.data(), piece.size());
  }
  return all;
}

}  // namespace

TEST_CASE("a WebSocket opens however its request is cut", "[websocket_opening]") {
  const ListenerOptions listener;
  WebSocketOpening opening(listener);
  const auto cut = pieces(upgrade, GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes));
  Progress progress = Progress::incomplete;
  for (const std::string& piece : cut) {
    REQUIRE(progress == Progress::incomplete);
    progress = opening.read(mqtt::as_bytes(piece)).progress;
  }
  REQUIRE(progress == Progress::complete);
  const auto answer = opening.answer();
  REQUIRE(std::holds_alternative<Handshake>(answer));
  CHECK(std::get<Handshake>(answer).response.starts_with("HTTP/1.1 101 "));
  CHECK_FALSE(opening.has_file());
}

TEST_CASE("a request that cannot be read is refused", "[websocket_opening]") {
  ListenerOptions listener;
  listener.websockets_headers_bytes_max = 100;
  WebSocketOpening opening(listener);
  const auto [text, status] = GENERATE(table<std::string, unsigned>(
      {{"GET / HTTP/1.1\r\nCookie: " + std::string(200, 'x'), 431}, {"no request\r\n\r\n", 400}}));
  const Progress progress = opening.read(mqtt::as_bytes(text)).progress;
  CHECK(progress != Progress::incomplete);
  CHECK(opening.fault(progress).status == status);
}

TEST_CASE("a listener without files answers health checks only", "[websocket_opening]") {
  const ListenerOptions listener;
  WebSocketOpening health(listener);
  CHECK(std::holds_alternative<WebSocketOpening::Page>(
      answer_of(health, "GET / HTTP/1.1\r\nHost: broker\r\n\r\n")));
  WebSocketOpening page(listener);
  const auto answer = answer_of(page, "GET /page.txt HTTP/1.1\r\nHost: broker\r\n\r\n");
  REQUIRE(std::holds_alternative<HttpRefusal>(answer));
  CHECK(std::get<HttpRefusal>(answer).status == 426);
}

TEST_CASE("a file follows the head of its answer, but for HEAD", "[websocket_opening]") {
  const Site site("a page of text");
  ListenerOptions listener;
  listener.http_dir = site.path();
  WebSocketOpening get(listener);
  const auto page = answer_of(get, "GET /page.txt HTTP/1.1\r\nHost: broker\r\n\r\n");
  REQUIRE(std::holds_alternative<WebSocketOpening::Page>(page));
  CHECK(std::get<WebSocketOpening::Page>(page).head.starts_with("HTTP/1.1 200 "));
  CHECK(file_of(get) == "a page of text");
  WebSocketOpening head(listener);
  static_cast<void>(answer_of(head, "HEAD /page.txt HTTP/1.1\r\nHost: broker\r\n\r\n"));
  CHECK_FALSE(head.has_file());
}

TEST_CASE("a folder without a page answers health checks and refuses others",
          "[websocket_opening]") {
  const Site site("");
  ListenerOptions listener;
  listener.http_dir = site.path();
  WebSocketOpening health(listener);
  CHECK(std::holds_alternative<WebSocketOpening::Page>(
      answer_of(health, "GET / HTTP/1.1\r\nHost: broker\r\n\r\n")));
  WebSocketOpening missing(listener);
  const auto answer = answer_of(missing, "GET /other HTTP/1.1\r\nHost: broker\r\n\r\n");
  REQUIRE(std::holds_alternative<HttpRefusal>(answer));
  CHECK(std::get<HttpRefusal>(answer).status == 404);
}

}  // namespace transport
