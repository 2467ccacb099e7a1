#include "transport/pending.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

using broker::MessageRef;
using broker::Output;

namespace {

MessageRef message_of(std::string_view payload) {
  return MessageRef::copy_of(
      {"t", mqtt::as_bytes(payload), {}, mqtt::Qos::at_most_once, false, std::nullopt});
}

void splice(Output& output, mqtt::Bytes payload, MessageRef keeper) {
  output.spliced_bytes += payload.size();
  output.splices.push_back({output.bytes.size(), payload, std::move(keeper)});
}

/// "head(KEPT)middle(borrowed)tail", the parentheses being where the splices are.
Output sample(const MessageRef& kept, std::string_view borrowed) {
  Output output;
  output.bytes.append("head");
  splice(output, kept->payload(), kept);
  output.bytes.append("middle");
  splice(output, mqtt::as_bytes(borrowed), {});
  output.bytes.append("tail");
  return output;
}

std::string text(const Output& output, std::size_t skip) {
  std::vector<uv_buf_t> pieces;
  transport::gather(output, skip, pieces);
  std::string all;
  for (const uv_buf_t& piece : pieces) all.append(piece.base, piece.len);
  return all;
}

}  // namespace

TEST_CASE("output is gathered from any byte on", "[pending]") {
  const Output output = sample(message_of("KEPT"), "borrowed");
  const std::string whole = "headKEPTmiddleborrowedtail";
  for (std::size_t skip = 0; skip <= whole.size(); ++skip) {
    CHECK(text(output, skip) == whole.substr(skip));
  }
}

TEST_CASE("output that waits owns what was borrowed", "[pending]") {
  const std::string_view before = GENERATE("", "before ");
  CAPTURE(before);
  std::string received = "borrowed";
  Output waiting;
  waiting.bytes.append(before);
  Output more = sample(message_of("KEPT"), received);
  transport::append(waiting, more);
  received.assign("xxxxxxxx");
  const std::string whole = std::string(before) + "headKEPTmiddleborrowedtail";
  CHECK(text(waiting, 0) == whole);
  CHECK(waiting.size_bytes() == whole.size());
  CHECK(waiting.splices.size() == 1);
}

TEST_CASE("output that waits takes the memory of what it is given", "[pending]") {
  Output more;
  more.bytes.append("bytes");
  const MessageRef kept = message_of("KEPT");
  splice(more, kept->payload(), kept);
  const void* const memory = more.bytes.data();
  Output waiting;
  transport::append(waiting, more);
  CHECK(waiting.bytes.data() == memory);
  CHECK(text(waiting, 0) == "bytesKEPT");
  CHECK(waiting.size_bytes() == 9);
}
