#include "transport/link/srv.h"

#include <catch2/catch.hpp>

using transport::checked_srv_name;
using transport::order_srv_targets;
using transport::read_srv_answer;
using transport::srv_name;
using transport::SrvTarget;

namespace {

std::string number(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

/// An answer of DNS: the question "_x.a", and the records behind it.
std::string answer_of(const std::vector<std::string>& records) {
  const std::string question = std::string("\x02_x\x01") + "a" + std::string(1, '\0');
  std::string text = number(7) + number(0x8180) + number(1) +
                     number(static_cast<unsigned>(records.size())) + number(0) + number(0) +
                     question + number(33) + number(1);
  for (const std::string& record : records) text += record;
  return text;
}
/// A record about the question's name, which is at byte 12.
std::string record_of(unsigned type, const std::string& data) {
  return number(0xC00C) + number(type) + number(1) + number(0) + number(60) +
         number(static_cast<unsigned>(data.size())) + data;
}
std::string srv_of(unsigned priority, unsigned weight, unsigned port, const std::string& host) {
  return record_of(33, number(priority) + number(weight) + number(port) + host);
}
const std::string root(1, '\0');
const std::string host_b =
    "\x01"
    "b\x01"
    "c" +
    root;

}  // namespace

TEST_CASE("SRV records are asked for by service, protocol and domain", "[srv]") {
  CHECK(srv_name("example.com", false) == "_mqtt._tcp.example.com");
  CHECK(srv_name("example.com", true) == "_secure-mqtt._tcp.example.com");
  CHECK(srv_name("", false) == "_mqtt._tcp");
}

TEST_CASE("an answer of DNS has its SRV records read, and no others [RFC 2782]", "[srv]") {
  const std::string answer =
      answer_of({srv_of(10, 20, 1883, host_b), record_of(5, host_b),
                 srv_of(0, 0, 65'535, std::string("\x01") + "d\xC0\x0C"), srv_of(1, 2, 3, root)});
  CHECK(read_srv_answer(mqtt::as_bytes(answer)) ==
        std::vector<SrvTarget>{{"b.c", 1883, 10, 20}, {"d._x.a", 65'535, 0, 0}, {"", 3, 1, 2}});
  CHECK(read_srv_answer(mqtt::as_bytes(answer_of({}))).empty());
  for (std::size_t size = 0; size < answer.size(); ++size) {
    CHECK(read_srv_answer(mqtt::as_bytes(answer).first(size)).empty());
  }
  // A name that points at itself, and data that is too short.
  const std::string loop = answer_of({srv_of(0, 0, 1, "\xC0\x28")});
  CHECK(read_srv_answer(mqtt::as_bytes(loop)).empty());
  CHECK(read_srv_answer(mqtt::as_bytes(answer_of({record_of(33, "abc")}))).empty());
}

TEST_CASE("SRV targets are ordered by priority, then at random by weight [RFC 2782]", "[srv]") {
  const std::vector<SrvTarget> all{
      {"late", 1, 20, 0}, {"small", 1, 10, 1}, {"large", 1, 10, 3}, {"never", 1, 10, 0}};
  const auto names_by = [&](const std::function<std::uint32_t(std::uint32_t)>& random) {
    std::vector<SrvTarget> targets = all;
    order_srv_targets(targets, random);
    std::string names;
    for (const SrvTarget& target : targets) names += target.host + " ";
    return names;
  };
  CHECK(names_by([](std::uint32_t) { return 0U; }) == "never small large late ");
  CHECK(names_by([](std::uint32_t most) { return std::min(most, 1U); }) ==
        "small large never late ");
  CHECK(names_by([](std::uint32_t most) { return most; }) == "large small never late ");
  std::vector<SrvTarget> none;
  order_srv_targets(none, [](std::uint32_t) { return 0U; });
  CHECK(none.empty());
}

TEST_CASE("a certificate has to name the domain, or a host in it [RFC 6125]", "[srv]") {
  CHECK(checked_srv_name("example.com", "mqtt1.Example.com") == "mqtt1.Example.com");
  CHECK(checked_srv_name("example.com", "example.com") == "example.com");
  CHECK(checked_srv_name("example.com", "evil-example.com") == "example.com");
  CHECK(checked_srv_name("example.com", "com") == "example.com");
  CHECK(checked_srv_name("example.com", "host.provider.net") == "example.com");
  CHECK(checked_srv_name("", "host.provider.net") == "host.provider.net");
}
