#include "transport/http.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "test/transport/pieces.h"
#include "transport/first_bytes.h"
#include "transport/http_files.h"
#include "transport/http_health.h"
#include "transport/websocket_handshake.h"

namespace transport {
namespace {

using Progress = HttpRequestReader::Progress;
using namespace std::string_literals;

const std::string host = "Host: broker.example\r\n";
const std::string upgrade = "Upgrade: websocket\r\n";
const std::string connection = "Connection: keep-alive, Upgrade\r\n";
const std::string version = "Sec-WebSocket-Version: 13\r\n";
const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string protocol = "Sec-WebSocket-Protocol: mqtt\r\n";
const std::string start = "GET /mqtt HTTP/1.1\r\n";

struct Read {
  Progress progress = Progress::incomplete;
  std::size_t used = 0;
  HttpRequest request;
};

Read read(std::string_view text, Cut cut, std::size_t bytes_max = 8192) {
  HttpRequestReader reader(bytes_max);
  Read result;
  for (const std::string& piece : pieces(text, cut)) {
    const auto [progress, used] = reader.read(mqtt::as_bytes(piece));
    result.progress = progress;
    result.used += used;
    if (progress != Progress::incomplete) break;
  }
  result.request = reader.request();
  return result;
}

std::expected<Handshake, HttpRefusal> answer(std::string_view text,
                                             const ListenerOptions& listener = {}) {
  const Read result = read(text, Cut::whole);
  REQUIRE(result.progress == Progress::complete);
  return answer_handshake(result.request, listener);
}

}  // namespace

TEST_CASE("a request is read however it is cut, and what follows is left alone", "[http]") {
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes);
  const std::string head = start + host + "X-Empty:\r\n" + upgrade + connection + version + key +
                           "Sec-WebSocket-Protocol: foo , bar\r\n" +
                           "Sec-WebSocket-Protocol: mqtt\r\n\r\n";
  const Read result = read(head + "\x82\x85more", cut);
  REQUIRE(result.progress == Progress::complete);
  CHECK(result.used == head.size());
  CHECK(result.request.method == "GET");
  CHECK(result.request.target == "/mqtt");
  CHECK(result.request.major == 1);
  CHECK(result.request.minor == 1);
  REQUIRE(result.request.find("host") != nullptr);
  CHECK(*result.request.find("host") == "broker.example");
  CHECK(*result.request.find("x-empty") == "");
  CHECK(result.request.find("x-other") == nullptr);
  CHECK(result.request.list("sec-websocket-protocol") ==
        std::vector<std::string_view>{"foo", "bar", "mqtt"});
  CHECK(result.request.has_token("connection", "upgrade"));
  CHECK_FALSE(result.request.has_token("connection", "close"));
}

TEST_CASE("a head that is too large is refused before it is stored", "[http]") {
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  const std::string head = start + host + "Cookie: " + std::string(500, 'x') + "\r\n\r\n";
  CHECK(read(head, cut, head.size()).progress == Progress::complete);
  CHECK(read(head, cut, head.size() - 1).progress == Progress::too_large);
  CHECK(read("GET /" + std::string(500, 'x'), cut, 100).progress == Progress::too_large);
}

TEST_CASE("what is not HTTP is malformed", "[http]") {
  const Cut cut = GENERATE(Cut::whole, Cut::bytes);
  const auto text = GENERATE("\x10\x0D\x00\x04MQTT"s, "NOSUCHMETHOD / HTTP/1.1\r\n\r\n"s,
                             "GET / FTP/1.1\r\n\r\n"s, "GET / HTTP/1.1\r\nbad header\r\n\r\n"s,
                             "\x16\x03\x01\x02\x00"s);
  CAPTURE(text);
  CHECK(read(text, cut).progress == Progress::malformed);
}

TEST_CASE("a good handshake is accepted with the first fitting subprotocol [MQTT-6.0.0-4]",
          "[http]") {
  const auto [offer, chosen] = GENERATE(table<std::string, std::string>({
      {"Sec-WebSocket-Protocol: mqtt\r\n", "mqtt"},
      {"Sec-WebSocket-Protocol: mqttv3.1\r\n", "mqttv3.1"},
      {"Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n", "mqtt"},
      {"Sec-WebSocket-Protocol: chat,mqttv3.1 ,\tother\r\n", "mqttv3.1"},
      {"Sec-WebSocket-Protocol: chat\r\nsec-websocket-protocol: mqtt\r\n", "mqtt"},
  }));
  const auto response =
      answer(start + host + "UPGRADE: WebSocket\r\n" + connection + version + key + offer + "\r\n");
  REQUIRE(response.has_value());
  CHECK(response->defects.empty());
  CHECK(response->response ==
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: WebSocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: " +
            chosen + "\r\n\r\n");
}

TEST_CASE("a bad handshake is answered with what was missing", "[http]") {
  struct Case {
    std::string request;
    unsigned status;
    std::string_view says;
  };
  const std::string rest = host + upgrade + connection + version + key + protocol + "\r\n";
  const std::string good = start + rest;
  const auto without = [&](const std::string& field) {
    std::string text = good;
    return text.erase(text.find(field), field.size());
  };
  const auto instead = [&](const std::string& field, const std::string& other) {
    return without(field).insert(good.find(field), other);
  };
  const std::vector<Case> cases = {
      {"POST /mqtt HTTP/1.1\r\n" + rest, 405, "POST"},
      {without(upgrade), 426, "Upgrade: websocket"},
      {instead(upgrade, "Upgrade: h2c\r\n"), 426, "Upgrade: websocket"},
      {without(connection), 426, "Connection: Upgrade"},
      {instead(connection, "Connection: close\r\n"), 426, "Connection: Upgrade"},
      {instead(version, "Sec-WebSocket-Version: 8\r\n"), 426, "version '8'"},
      {instead(version, "Sec-WebSocket-Version:\r\n"), 426, "version ''"},
      {instead(version, version + "Sec-WebSocket-Version: 8\r\n"), 426, "version '8'"},
      {instead(host, host + host), 400, "several Hosts"},
      {without(key), 400, "Sec-WebSocket-Key"},
      {instead(key, "Sec-WebSocket-Key:\r\n"), 400, "Sec-WebSocket-Key"},
      {instead(key, key + key), 400, "several Sec-WebSocket-Key"},
      {without(protocol), 400, "'mqtt' is needed"},
      {instead(protocol, "Sec-WebSocket-Protocol: chat\r\n"), 400, "neither"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.request);
    const auto response = answer(one.request);
    REQUIRE_FALSE(response.has_value());
    CHECK(response.error().status == one.status);
    CHECK(response.error().text.find(one.says) != std::string::npos);
    if (one.status == 426) {
      CHECK(response.error().fields == "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    }
    if (one.status == 405) CHECK(response.error().fields == "Allow: GET\r\n");
  }
}

TEST_CASE("a handshake with harmless defects is accepted, and they are named", "[http]") {
  const std::string rest = upgrade + connection + protocol;
  const std::string agent = "User-Agent: esp\r\n\r\n";
  struct Case {
    std::string request;
    std::string_view says;
  };
  const std::vector<Case> cases = {
      {"GET /mqtt HTTP/1.0\r\n" + host + version + key + rest + "\r\n",
       "it came as HTTP/1.0 (nginx needs 'proxy_http_version 1.1;')"},
      {start + version + key + rest + agent,
       "it has no Host (nginx: 'proxy_set_header Host $host;'); the client calls itself 'esp'"},
      {start + host + key + rest + agent,
       "it has no Sec-WebSocket-Version; the client calls itself 'esp'"},
      {start + host + version + "Sec-WebSocket-Key: c2hvcnQ=\r\n" + rest + "\r\n",
       "its Sec-WebSocket-Key is not 16 bytes in base64"},
      {start + host + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" + rest + "\r\n",
       "it has no Sec-WebSocket-Version, its Sec-WebSocket-Key is not 16 bytes in base64"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.request);
    const auto handshake = answer(one.request);
    REQUIRE(handshake.has_value());
    CHECK(handshake->response.starts_with("HTTP/1.1 101 "));
    CHECK(handshake->defects == one.says);
  }
}

TEST_CASE("of a target in absolute form only the path counts (RFC 9112, 3.2.2)", "[http]") {
  const auto [target, path] = GENERATE(table<std::string, std::string>({
      {"/mqtt", "/mqtt"},
      {"/mqtt?a=/b://c", "/mqtt"},
      {"http://example.com/mqtt", "/mqtt"},
      {"http://example.com:9001/a/b?c", "/a/b"},
      {"http://example.com", "/"},
      {"http://example.com?c=/d", "/"},
      {"/a?b=http://example.com/mqtt", "/a"},
      {"/http://example.com/mqtt", "/http://example.com/mqtt"},
  }));
  HttpRequest request;
  request.target = target;
  CHECK(request.path() == path);
  ListenerOptions listener;
  listener.http_path = path;
  CHECK(answer("GET " + target + " HTTP/1.1\r\n" + host + upgrade + connection + version + key +
                   protocol + "\r\n",
               listener)
            .has_value());
}

TEST_CASE("path and origin are checked when the listener names them", "[http]") {
  ListenerOptions listener;
  listener.http_path = "/mqtt";
  listener.websockets_origins = {"https://example.com", "http://localhost:8080"};
  const std::string rest = host + upgrade + connection + version + key + protocol;
  const auto status = [&](const std::string& path, const std::string& origin) {
    const auto response =
        answer("GET " + path + " HTTP/1.1\r\n" + rest + origin + "\r\n", listener);
    return response ? 101U : response.error().status;
  };
  CHECK(status("/mqtt", "Origin: https://example.com\r\n") == 101);
  CHECK(status("/mqtt?x=1", "Origin: http://localhost:8080\r\n") == 101);
  CHECK(status("/other", "Origin: https://example.com\r\n") == 404);
  CHECK(status("/mqtt/", "Origin: https://example.com\r\n") == 404);
  CHECK(status("/mqtt", "Origin: https://example.com.evil\r\n") == 403);
  CHECK(status("/mqtt", "Origin: http://example.com\r\n") == 403);
  CHECK(status("/mqtt", "") == 403);
}

TEST_CASE("a refusal is a whole response", "[http]") {
  const HttpRefusal refusal{426, "Why.", "Upgrade: websocket\r\n"};
  const std::string head =
      "HTTP/1.1 426 Upgrade Required\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 5\r\n"
      "Upgrade: websocket\r\n"
      "Connection: close\r\n\r\n";
  CHECK(encode(refusal) == head + "Why.\n");
  CHECK(encode(refusal, true) == head);
}

TEST_CASE("text from the network is made fit to be logged", "[http]") {
  CHECK(printable("a\r\nb\x7F\xC3") == "a??b??");
  CHECK(printable(std::string(101, 'x')) == std::string(100, 'x') + "...");
}

TEST_CASE("protocols are told by their first bytes", "[http]") {
  const auto [bytes, kind] = GENERATE(table<std::string, FirstBytes>({
      {"\x10\x0D\x00\x04MQTT\x04"s, FirstBytes::mqtt},
      {"\x10\xFF\xFF\x7F\x00\x06MQIsdp"s, FirstBytes::mqtt},
      {"\x16\x03\x01\x02\x00\x01"s, FirstBytes::tls},
      {"GET / HTTP/1.1\r\n"s, FirstBytes::http},
      {"PRI * HTTP/2.0\r\n"s, FirstBytes::http},
      {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"s, FirstBytes::proxy},
      {"\r\n\r\n\0\r\nQUIT\n\x21"s, FirstBytes::proxy},
      {"SSH-2.0-OpenSSH\r\n"s, FirstBytes::unknown},
      {"\x10"s, FirstBytes::unknown},
      {""s, FirstBytes::unknown},
  }));
  CAPTURE(bytes);
  CHECK(recognise(mqtt::as_bytes(bytes)) == kind);
}

TEST_CASE("files are served from a folder, and from nowhere else", "[http]") {
  namespace fs = std::filesystem;
  std::string name = fs::temp_directory_path() / "darter-files-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const fs::path base = name;
  fs::create_directories(base / "www" / "sub");
  const auto write = [](const fs::path& path, std::string_view text) {
    std::ofstream(path) << text;
  };
  write(base / "secret.txt", "secret");
  write(base / "www" / "index.html", "<p>hello");
  write(base / "www" / "sub" / "a b.js", "1");
  fs::create_directories(base / "www" / "app");
  write(base / "www" / "app" / "index.html", "<p>app");
  write(base / "www2", "a name that only begins like the folder's");
  fs::create_symlink(base / "secret.txt", base / "www" / "out.txt");
  fs::create_symlink(base / "www" / "index.html", base / "www" / "in.html");
  const auto ask = [&](std::string_view method, std::string target) {
    HttpRequest request;
    request.method = method;
    request.target = std::move(target);
    return open_file(request, base / "www");
  };
  const auto status = [&](std::string_view method, std::string target) {
    const auto file = ask(method, std::move(target));
    return file ? 200U : file.error().status;
  };
  CHECK(status("GET", "/") == 200);
  CHECK(status("HEAD", "/index.html?v=2") == 200);
  CHECK(status("GET", "/sub/a%20b.js") == 200);
  CHECK(status("GET", "/in.html") == 200);
  CHECK(status("GET", "/sub") == 404);
  CHECK(status("GET", "/none") == 404);
  CHECK(status("GET", "/../secret.txt") == 404);
  CHECK(status("GET", "/%2e%2e/secret.txt") == 404);
  CHECK(status("GET", "/..%2fsecret.txt") == 404);
  CHECK(status("GET", "/out.txt") == 404);
  CHECK(status("GET", "//../www2") == 404);
  CHECK(status("GET", "/a%0") == 400);
  CHECK(status("GET", "/a%00") == 400);
  CHECK(status("GET", "http://other/") == 200);  // the absolute form (RFC 9112, 3.2.2)
  CHECK(status("PUT", "/") == 405);
  // A folder with a page: its relative links want the slash.
  CHECK(ask("GET", "/app?v=2")->status == 301);
  CHECK(ask("GET", "/app?v=2")->fields == "Location: ./app/?v=2\r\n");
  CHECK(ask("GET", "//app")->fields == "Location: ./app/\r\n");
  CHECK(ask("GET", "/app")->pieces == nullptr);
  CHECK(ask("GET", "/app/")->status == 200);
  CHECK(status("GET", "/sub/") == 404);
  const auto file = ask("GET", "/sub/a%20b.js");
  REQUIRE(file.has_value());
  CHECK(file->pieces_bytes == 1);
  CHECK(file->type.starts_with("text/javascript"));
  std::string content;
  CHECK(file->pieces->read(content, 10) == HttpPieces::State::more);
  CHECK(content == "1");
  CHECK(file->pieces->read(content, 10) == HttpPieces::State::end);
  fs::remove_all(base);
}

TEST_CASE("the type of a file follows from its ending, in any case of letters", "[http]") {
  const auto [name, type] = GENERATE(table<std::string, std::string>({
      {"a.gif", "image/gif"},
      {"a.jpeg", "image/jpeg"},
      {"A.JPG", "image/jpeg"},
      {"a.webp", "image/webp"},
      {"a.woff", "font/woff"},
      {"a.Woff2", "font/woff2"},
      {"a.ttf", "font/ttf"},
      {"site.webmanifest", "application/manifest+json"},
      {"a.xml", "application/xml"},
      {"a.PDF", "application/pdf"},
      {"a.mp3", "audio/mpeg"},
      {"a.mp4", "video/mp4"},
      {"a.wasm", "application/wasm"},
      {"a.js.map", "application/json"},
      {"INDEX.HTML", "text/html; charset=utf-8"},
      {"js", "application/octet-stream"},
      {"a.bin", "application/octet-stream"},
  }));
  CAPTURE(name);
  CHECK(content_type(name) == type);
}

TEST_CASE("a balancer that asks for the server's health is told that it is up", "[http]") {
  const auto answer = [](std::string_view method, std::string_view target) {
    HttpCall call;
    call.request.method = method;
    call.request.target = target;
    return answer_health_check(call, {});
  };
  for (const auto& [method, target] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "/"},
                                                        {"GET", "/?from=balancer"},
                                                        {"HEAD", "/"},
                                                        {"OPTIONS", "/"},
                                                        {"OPTIONS", "*"},
                                                        {"OPTIONS", "/mqtt"}}) {
    CAPTURE(method, target);
    const auto found = answer(method, target);
    REQUIRE(std::holds_alternative<HttpResponse>(found));
    CHECK(std::get<HttpResponse>(found).status == 200);
  }
  CHECK(std::holds_alternative<HttpDeclined>(answer("GET", "/mqtt")));
  CHECK(std::holds_alternative<HttpDeclined>(answer("POST", "/")));
}

TEST_CASE("a parameter of the query is decoded", "[http]") {
  HttpRequest request;
  request.target = "/api?a=1&name=b+c%26d&empty=&bare&bad=%2";
  CHECK(request.parameter("a") == "1");
  CHECK(request.parameter("name") == "b c&d");
  CHECK(request.parameter("empty") == "");
  CHECK(request.parameter("bare") == "");
  CHECK_FALSE(request.parameter("bad"));
  CHECK_FALSE(request.parameter("none"));
  request.target = "/api";
  CHECK_FALSE(request.parameter("a"));
}

}  // namespace transport
