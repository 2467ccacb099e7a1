// Packets as text, of any bytes: however the stream is cut, what is told of packets that are kept
// whole is the same; each text is bounded, sound and of printable characters.

#include <algorithm>
#include <string>
#include <vector>

#include "broker/trace/packet_text.h"
#include "broker/wire/utf8.h"
#include "test/fuzz/input.h"

namespace {

using fuzz::require;

std::vector<std::string> told(std::string_view stream, std::size_t step, const trace::View& view) {
  std::vector<std::string> texts;
  trace::PacketCutter cutter;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    // A copy of its own, so that a view into a former piece is found.
    const std::string copy(stream.substr(at, step));
    mqtt::Bytes piece = mqtt::as_bytes(copy);
    while (const auto packet = cutter.take(piece)) {
      const std::string text = trace::describe(*packet, view);
      require(text.size() <= trace::text_bytes_max, "a text is bounded");
      require(mqtt::is_utf8_string(text), "a text is UTF-8");
      require(
          std::ranges::none_of(
              text, [](char each) { return static_cast<signed char>(each) >= 0 && each < ' '; }),
          "a text has no control characters");
      texts.push_back(text);
    }
    require(piece.empty(), "all of a piece is used");
  }
  if (cutter.broken()) texts.push_back("broken " + trace::hex_of(cutter.broken_bytes().first(1)));
  return texts;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  constexpr mqtt::Version versions[] = {mqtt::Version::v5_0, mqtt::Version::v3_1_1,
                                        mqtt::Version::v3_1};
  trace::View view;
  view.version = input.pick(versions);
  const std::uint8_t flags = input.byte();
  view.sent_by = (flags & 1U) != 0 ? mqtt::Side::server : mqtt::Side::client;
  view.payload = (flags & 2U) != 0;
  const std::size_t step = 1U + input.byte() % 64U;
  const std::string_view stream = input.rest();
  const auto whole = told(stream, std::max<std::size_t>(stream.size(), 1), view);
  const auto pieces = told(stream, step, view);
  require(stream.size() > trace::PacketCutter::kept_bytes_max || whole == pieces,
          "cuts change nothing that is told");
  return 0;
}
