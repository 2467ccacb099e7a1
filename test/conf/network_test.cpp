#include "conf/network.h"

#include <catch2/catch.hpp>
#include <string>

TEST_CASE("a network contains the addresses of its prefix", "[conf]") {
  struct Case {
    std::string network;
    std::string address;
    bool contained;
  };
  const auto test = GENERATE(values<Case>({
      {"127.0.0.0/8", "127.0.0.1", true},
      {"127.0.0.0/8", "128.0.0.1", false},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.128/25", "192.0.2.129", true},
      {"192.0.2.77/24", "192.0.2.1", true},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"2001:db8::/32", "2001:db8:1::1", true},
      {"2001:db8::/31", "2001:db9::1", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"::1", "::1", true},
      {"::/0", "127.0.0.1", false},
      {"0.0.0.0/0", "::1", false},
      {"unix", "127.0.0.1", false},
      {"127.0.0.0/8", "unix", false},
      {"127.0.0.0/33", "127.0.0.1", false},
  }));
  CAPTURE(test.network, test.address);
  CHECK(conf::network_contains(test.network, test.address) == test.contained);
}
