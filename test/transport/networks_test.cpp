#include "transport/networks.h"

#include <catch2/catch.hpp>
#include <string>

namespace transport {

TEST_CASE("a network has the addresses that begin like it", "[networks]") {
  const auto [network, address, inside] = GENERATE(table<std::string, std::string, bool>({
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.77/24", "192.0.2.1", true},  // bits behind the prefix do not count
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.128/25", "192.0.2.128", true},
      {"192.0.2.4/31", "192.0.2.5", true},
      {"192.0.2.4/31", "192.0.2.6", false},
      {"192.0.2.4", "192.0.2.4", true},
      {"192.0.2.4", "192.0.2.5", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "203.0.113.9", false},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::1", "::1", true},
      {"::1", "::2", false},
      {"127.0.0.0/8", "::ffff:127.0.0.1", true},
      {"::ffff:192.0.2.0/120", "192.0.2.9", true},
      {"::ffff:192.0.2.0/120", "192.0.3.9", false},
  }));
  CAPTURE(network, address);
  const auto parsed = Network::parse(network);
  REQUIRE(parsed);
  CHECK(parsed->contains(PeerAddress::parse(address).value()) == inside);
  CHECK_FALSE(parsed->contains(PeerAddress()));
}

TEST_CASE("what is no network is not taken for one", "[networks]") {
  for (const std::string text :
       {"", "/", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/2x", "192.0.2/24",
        "192.0.2.0/24/8", "2001:db8::/129", "[::1]", "::ffff:192.0.2.0/95", "host", "unix/1",
        "fe80::1%lo", "1234567890123456789012345678901234567890123456789"}) {
    CAPTURE(text);
    CHECK_FALSE(Network::parse(text));
    CHECK_FALSE(Networks().add(text));
  }
}

TEST_CASE("a list of networks may have clients on unix sockets in it", "[networks]") {
  Networks networks;
  CHECK_FALSE(networks.contains(PeerAddress()));
  CHECK(networks.add("unix"));
  CHECK(networks.contains(PeerAddress()));
  CHECK_FALSE(networks.contains(PeerAddress::parse("192.0.2.4").value()));
  CHECK(networks.add("192.0.2.0/24"));
  CHECK(networks.contains(PeerAddress::parse("192.0.2.4").value()));
}

}  // namespace transport
