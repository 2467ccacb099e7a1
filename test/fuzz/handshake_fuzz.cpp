// The HTTP request that opens a WebSocket, cut anywhere, and the answer to it: what comes from the
// network must not come back as a header of its own.

#include <string>

#include "test/fuzz/input.h"
#include "transport/first_bytes.h"
#include "transport/http.h"
#include "transport/websocket_handshake.h"

namespace {

using fuzz::require;
using transport::HttpRequest;
using transport::HttpRequestReader;
using Progress = HttpRequestReader::Progress;

constexpr std::size_t headers_bytes_max = 600;

/// A response: a status line, header fields, one empty line, and a body of the length promised.
void check_response(std::string_view response, bool with_body) {
  const std::size_t end = response.find("\r\n\r\n");
  require(response.starts_with("HTTP/1.1 ") && end != response.npos, "a response with a head");
  std::string_view head = response.substr(0, end + 2);
  std::size_t length = 0;
  for (bool first = true; !head.empty(); first = false) {
    const std::size_t line_end = head.find("\r\n");
    require(line_end != head.npos && line_end > 0, "lines that end in CR LF");
    const std::string_view line = head.substr(0, line_end);
    require(line.find_first_of("\r\n") == line.npos, "and have none within");
    require(first || line.find(": ") != line.npos, "a field has a name and a value");
    constexpr std::string_view name = "Content-Length: ";
    if (line.starts_with(name)) length = std::stoul(std::string(line.substr(name.size())));
    head.remove_prefix(line_end + 2);
  }
  const std::string_view body = response.substr(end + 4);
  require(body.size() == (with_body ? length : 0), "a body of the length that was promised");
  require(body.empty() || body.find('\n') == body.size() - 1, "one line of text");
}

struct Heard {
  Progress progress = Progress::incomplete;
  std::size_t used = 0;
};

Heard feed(HttpRequestReader& reader, std::string_view stream, std::size_t step) {
  Heard heard;
  for (std::size_t at = 0; at < stream.size() && heard.progress == Progress::incomplete;) {
    const auto piece = fuzz::exact_copy(stream.substr(at, step));
    const auto [progress, used] = reader.read(piece);
    require(used <= piece.size(), "no more is used than there is");
    heard = {progress, at + used};
    at += piece.size();
  }
  return heard;
}

bool same(const HttpRequest& left, const HttpRequest& right) {
  return left.method == right.method && left.target == right.target &&
         left.fields == right.fields && left.major == right.major && left.minor == right.minor;
}

void answer(const HttpRequest& request, const transport::ListenerOptions& listener) {
  const auto response = transport::answer_handshake(request, listener);
  if (response) {
    require(response->response.starts_with("HTTP/1.1 101 "), "an upgrade");
    require(transport::asks_for_websocket(request), "for those who ask");
    check_response(response->response, false);
    return;
  }
  require(response.error().status >= 400 && !response.error().text.empty(), "a reason");
  check_response(transport::encode(response.error()), true);
  check_response(transport::encode(response.error(), true), false);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned bits = input.byte();
  const std::size_t step = 1U + input.byte() % 64U;
  const std::string_view stream = input.rest();
  const auto kind = transport::recognise(mqtt::as_bytes(stream));
  require(!transport::describe(kind).empty(), "a name for what came");

  HttpRequestReader at_once(headers_bytes_max);
  const Heard whole = feed(at_once, stream, std::max<std::size_t>(stream.size(), 1));
  HttpRequestReader in_pieces(headers_bytes_max);
  const Heard cut = feed(in_pieces, stream, step);
  require(whole.progress == cut.progress, "cuts change nothing");
  if (whole.progress != Progress::complete) return 0;
  require(whole.used == cut.used && whole.used <= headers_bytes_max, "the same head");
  require(same(at_once.request(), in_pieces.request()), "and the same request");

  transport::ListenerOptions listener;
  if ((bits & 1U) != 0) listener.http_path = "/mqtt";
  if ((bits & 2U) != 0) listener.websockets_origins = {"http://a.example", "https://b.example"};
  answer(at_once.request(), listener);
  return 0;
}
