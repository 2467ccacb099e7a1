#include "transport/http_head.h"

#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "test/transport/pieces.h"

using transport::HttpHeadReader;
using Progress = HttpHeadReader::Progress;

TEST_CASE("requests and answers have the same fields, however they are cut", "[http_head]") {
  const auto [kind, start_line, text] =
      GENERATE(table<HttpHeadReader::Kind, std::string, std::string>({
          {HttpHeadReader::Kind::request, "GET /mqtt HTTP/1.1", "/mqtt"},
          {HttpHeadReader::Kind::answer, "HTTP/1.1 200 Very Good", "Very Good"},
      }));
  const std::string head =
      start_line + "\r\nAccept: a, b ,,\r\nX-Empty:\r\nACCEPT: C\r\nHost: d\r\n\r\n";
  const auto cut = GENERATE(transport::Cut::whole, transport::Cut::halves, transport::Cut::bytes);
  HttpHeadReader reader(kind, head.size());
  Progress progress = Progress::incomplete;
  for (const std::string& piece : transport::pieces(head, cut)) {
    REQUIRE(progress == Progress::incomplete);
    progress = reader.read(mqtt::as_bytes(piece)).progress;
  }
  CHECK(progress == Progress::complete);
  CHECK(reader.bytes_left() == 0);
  CHECK(reader.start_line_text() == text);
  const transport::HttpFields& fields = reader.fields();
  CHECK(fields.fields.size() == 4);
  CHECK(fields.count("accept") == 2);
  CHECK(fields.value("accept") == "a, b ,,");
  CHECK(fields.list("accept") == std::vector<std::string_view>{"a", "b", "C"});
  CHECK(fields.has_token("accept", "c"));
  REQUIRE(fields.find("x-empty") != nullptr);
  CHECK(fields.find("x-empty")->empty());
  CHECK(fields.find("x-other") == nullptr);
  CHECK(fields.value("x-other").empty());
}

TEST_CASE("a head of one byte more than its limit is too large", "[http_head]") {
  const auto kind = GENERATE(HttpHeadReader::Kind::request, HttpHeadReader::Kind::answer);
  const bool is_request = kind == HttpHeadReader::Kind::request;
  const std::string head =
      std::string(is_request ? "GET / HTTP/1.1" : "HTTP/1.1 200 OK") + "\r\nX: y\r\n\r\n";
  HttpHeadReader reader(kind, head.size() - 1);
  CHECK(reader.read(mqtt::as_bytes(head)).progress == Progress::too_large);
}
