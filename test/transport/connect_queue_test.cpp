#include "transport/connect_queue.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"

namespace transport {
namespace {

std::vector<std::string> texts(const std::vector<ConnectQueue::Entry>& entries) {
  std::vector<std::string> all;
  for (const ConnectQueue::Entry& each : entries) {
    all.push_back(std::to_string(each.id.slot) + ":" + std::string(mqtt::as_text(each.bytes)));
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a CONNECT waits for a poll that began after its read", "[connect_queue]") {
  ConnectQueue queue;
  CHECK(queue.empty());
  CHECK(queue.take_due().empty());
  std::string buffer = "one";
  queue.add({1, 1}, mqtt::as_bytes(buffer));
  buffer = "two";  // the buffer of reads is used again
  queue.add({2, 1}, mqtt::as_bytes(buffer));
  CHECK_FALSE(queue.empty());
  CHECK(queue.take_due().empty());  // the end of the turn in which they were read
  CHECK_FALSE(queue.empty());       // the next poll does not wait
  queue.add({3, 1}, mqtt::as_bytes("three"));
  CHECK(texts(queue.take_due()) == Texts{"1:one", "2:two"});
  CHECK_FALSE(queue.empty());
  CHECK(texts(queue.take_due()) == Texts{"3:three"});
  CHECK(queue.empty());
}

}  // namespace transport
