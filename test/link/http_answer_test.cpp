#include "transport/link/http_answer.h"

#include <catch2/catch.hpp>

#include "test/transport/pieces.h"

using transport::HttpAnswerReader;
using Progress = HttpAnswerReader::Progress;

TEST_CASE("an answer is read however it is cut", "[http_answer]") {
  const std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
      "Upgrade\r\nX-One: 1\r\n\r\n";
  const std::string behind("\x82\x02\x20\x00", 4);
  const auto cut = GENERATE(transport::Cut::whole, transport::Cut::halves, transport::Cut::bytes);
  HttpAnswerReader reader;
  std::size_t used = 0;
  Progress progress = Progress::incomplete;
  for (const std::string& piece : transport::pieces(head + behind, cut)) {
    const auto result = reader.read(mqtt::as_bytes(piece));
    used += result.used;
    progress = result.progress;
    if (progress != Progress::incomplete) break;
  }
  REQUIRE(progress == Progress::complete);
  CHECK(used == head.size());
  const transport::HttpAnswer& answer = reader.answer();
  CHECK(answer.status == 101);
  CHECK(answer.phrase == "Switching Protocols");
  CHECK(answer.value("x-one") == "1");
  CHECK(answer.value("x-two").empty());
  CHECK(answer.has_token("upgrade", "websocket"));
  CHECK(answer.has_token("connection", "upgrade"));
  CHECK_FALSE(answer.has_token("connection", "close"));
}

TEST_CASE("what is no answer is told from one that is too large", "[http_answer]") {
  const auto read = [](const std::string& text) {
    HttpAnswerReader reader;
    return reader.read(mqtt::as_bytes(text)).progress;
  };
  CHECK(read("SSH-2.0-OpenSSH\r\n") == Progress::malformed);
  CHECK(read("\x15\x03\x01") == Progress::malformed);
  CHECK(read(std::string("\x20\x02\x00\x00", 4)) == Progress::malformed);
  CHECK(read("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')) == Progress::too_large);
  CHECK(read("HTTP/1.1 200 OK\r\n") == Progress::incomplete);
  HttpAnswerReader reader;
  CHECK(reader.read(mqtt::as_bytes("HTTP/1.1 200 OK\r\nX: ")).progress == Progress::incomplete);
  const std::string rest(HttpAnswerReader::bytes_max - 20, 'x');
  CHECK(reader.read(mqtt::as_bytes(rest)).progress == Progress::incomplete);
  CHECK(reader.read(mqtt::as_bytes("x")).progress == Progress::too_large);
}
