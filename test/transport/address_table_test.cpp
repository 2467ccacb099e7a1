#include "transport/address_table.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "transport/login_bytes.h"

namespace {

using broker::Instant;
using transport::AddressKey;
using transport::AddressPrefix;
using transport::AddressTable;
using transport::ConnectionBounds;
using transport::LoginBounds;
using transport::LoginBytes;
using transport::PeerAddress;
using Answer = AddressTable::Answer;

constexpr Instant start{1'000'000};

PeerAddress address(const std::string& text) { return PeerAddress::parse(text).value(); }

AddressKey key(const std::string& text, std::uint16_t listener = 0) {
  return {AddressPrefix(address(text), 64), listener};
}

AddressKey numbered(unsigned number) {
  return key("10." + std::to_string(number >> 16U) + "." + std::to_string(number >> 8U & 0xFFU) +
             "." + std::to_string(number & 0xFFU));
}

}  // namespace

TEST_CASE("who shares a prefix of IPv6 is one client, of IPv4 nobody does", "[address_prefix]") {
  CHECK(AddressPrefix(address("2001:db8:0:1::1"), 64) ==
        AddressPrefix(address("2001:db8:0:1:ffff::"), 64));
  CHECK(AddressPrefix(address("2001:db8:0:1::1"), 64) !=
        AddressPrefix(address("2001:db8:0:2::1"), 64));
  CHECK(AddressPrefix(address("2001:db8:0:2::1"), 62) ==
        AddressPrefix(address("2001:db8:0:3::1"), 62));
  CHECK(AddressPrefix(address("2001:db8:0:1::1"), 128) !=
        AddressPrefix(address("2001:db8:0:1::2"), 128));
  CHECK(AddressPrefix(address("192.0.2.1"), 64) != AddressPrefix(address("192.0.2.2"), 64));
  CHECK(AddressPrefix(address("192.0.2.1"), 64) == AddressPrefix(address("::ffff:192.0.2.1"), 64));
  CHECK(AddressPrefix(address("192.0.2.1"), 64).text() == "192.0.2.1");
  CHECK(AddressPrefix(address("2001:db8:0:1::1"), 64).text() == "2001:db8:0:1::/64");
}

TEST_CASE("connections of an address are bounded, and come back", "[address_table]") {
  AddressTable table;
  const ConnectionBounds two{.connections_max = 2};
  CHECK(table.enter(key("192.0.2.1"), two, start) == Answer::admitted);
  CHECK(table.enter(key("192.0.2.1"), two, start) == Answer::admitted);
  CHECK(table.enter(key("192.0.2.1"), two, start) == Answer::too_many);
  CHECK(table.enter(key("192.0.2.2"), two, start) == Answer::admitted);
  CHECK(table.enter(key("192.0.2.1", 1), two, start) == Answer::admitted);  // another listener
  CHECK(table.enter(key("2001:db8::1"), two, start) == Answer::admitted);
  CHECK(table.enter(key("2001:db8::2"), two, start) == Answer::admitted);
  CHECK(table.enter(key("2001:db8::3"), two, start) == Answer::too_many);
  table.leave(key("192.0.2.1"));
  CHECK(table.enter(key("192.0.2.1"), two, start) == Answer::admitted);
  CHECK(table.enter(key("192.0.2.1"), two, start) == Answer::too_many);
  table.leave(key("192.0.2.99"));  // nobody
}

TEST_CASE("a refusal takes no place, and one for the number no token", "[address_table]") {
  AddressTable table;
  const ConnectionBounds bounds{.connections_max = 1, .rate = {.per_second = 1, .burst = 2}};
  CHECK(table.enter(key("192.0.2.1"), bounds, start) == Answer::admitted);
  for (int i = 0; i < 5; ++i) {
    CHECK(table.enter(key("192.0.2.1"), bounds, start) == Answer::too_many);
  }
  table.leave(key("192.0.2.1"));
  CHECK(table.enter(key("192.0.2.1"), bounds, start) == Answer::admitted);
  table.leave(key("192.0.2.1"));
  CHECK(table.enter(key("192.0.2.1"), bounds, start) == Answer::too_fast);
  CHECK(table.enter(key("192.0.2.1"), bounds, after_seconds(start, 1)) == Answer::admitted);
}

TEST_CASE("all of a listener share a bucket", "[address_table]") {
  AddressTable table;
  const AddressKey all{AddressPrefix(), 3};
  CHECK(table.take(all, {.per_second = 1, .burst = 1}, start));
  CHECK_FALSE(table.take(all, {.per_second = 1, .burst = 1}, after_milliseconds(start, 999)));
  CHECK(table.take(all, {.per_second = 1, .burst = 1}, after_milliseconds(start, 1000)));
}

TEST_CASE("failed logins within their time bring a ban, for its time", "[address_table]") {
  AddressTable table;
  const LoginBounds bounds{.failures_max = 3, .time_seconds = 10, .ban_seconds = 60};
  const AddressKey bad = key("192.0.2.1", AddressKey::every_listener);
  CHECK_FALSE(table.fail(bad, bounds, start));
  CHECK_FALSE(table.fail(bad, bounds, after_seconds(start, 1)));
  SECTION("too slow: the first two are forgotten") {
    CHECK_FALSE(table.fail(bad, bounds, after_seconds(start, 10)));
    CHECK_FALSE(table.fail(bad, bounds, after_seconds(start, 11)));
    CHECK(table.fail(bad, bounds, after_seconds(start, 12)));
  }
  SECTION("in time") {
    CHECK_FALSE(table.is_banned(bad, after_seconds(start, 9)));
    CHECK(table.fail(bad, bounds, after_milliseconds(start, 9999)));
    CHECK(table.is_banned(bad, after_milliseconds(start, 10'000)));
    CHECK_FALSE(
        table.is_banned(key("192.0.2.2", AddressKey::every_listener), after_seconds(start, 10)));
    // What was under way when the ban began makes it no longer.
    CHECK_FALSE(table.fail(bad, bounds, after_seconds(start, 20)));
    CHECK(table.is_banned(bad, after_milliseconds(start, 69'998)));
    CHECK_FALSE(table.is_banned(bad, after_milliseconds(start, 69'999)));
    CHECK_FALSE(table.fail(bad, bounds, after_seconds(start, 70)));  // it starts afresh
  }
  SECTION("off") { CHECK_FALSE(table.fail(bad, LoginBounds{}, after_seconds(start, 2))); }
}

TEST_CASE("bans are listed in order, and can be lifted", "[address_table]") {
  AddressTable table;
  const LoginBounds bounds{.failures_max = 1, .time_seconds = 10, .ban_seconds = 60};
  const auto every = AddressKey::every_listener;
  for (const char* text : {"2001:db8::1", "192.0.2.9", "192.0.2.1"}) {
    CHECK(table.fail(key(text, every), bounds, start));
  }
  const auto bans = table.bans(after_seconds(start, 1));
  REQUIRE(bans.size() == 3);
  CHECK(bans[0].prefix.text() == "192.0.2.1");
  CHECK(bans[1].prefix.text() == "192.0.2.9");
  CHECK(bans[2].prefix.text() == "2001:db8::/64");
  CHECK(bans[2].until == after_seconds(start, 60));

  const auto lift = [&](const std::string& text) {
    const auto hits = [&](const AddressPrefix& prefix) { return prefix.contains(address(text)); };
    return table.lift_bans(hits, after_seconds(start, 1));
  };
  CHECK(lift("192.0.2.2") == 0);
  CHECK(lift("2001:db8::77") == 1);
  CHECK(lift("192.0.2.1") == 1);
  CHECK(lift("192.0.2.1") == 0);
  CHECK_FALSE(table.is_banned(key("192.0.2.1", every), after_seconds(start, 1)));
  CHECK(table.bans(after_seconds(start, 1)).size() == 1);
  CHECK(table.bans(after_seconds(start, 60)).empty());
}

TEST_CASE("a flood of addresses does not make the table grow", "[address_table]") {
  AddressTable table(160);
  const ConnectionBounds bounds{.connections_max = 5, .rate = {.per_second = 1, .burst = 1000}};
  for (unsigned i = 0; i < 20'000; ++i) {
    REQUIRE(table.enter(numbered(i), bounds, start) == Answer::admitted);
    table.leave(numbered(i));
  }
  CHECK(table.size() <= 160);
  const LoginBounds logins{.failures_max = 2, .time_seconds = 10, .ban_seconds = 60};
  for (unsigned i = 0; i < 20'000; ++i) CHECK_FALSE(table.fail(numbered(i), logins, start));
  CHECK(table.size() <= 160);
}

TEST_CASE("who has a connection is never forgotten", "[address_table]") {
  AddressTable table(16);
  const ConnectionBounds one{.connections_max = 1};
  for (unsigned i = 0; i < 500; ++i) {
    REQUIRE(table.enter(numbered(i), one, start) == Answer::admitted);
  }
  for (unsigned i = 0; i < 500; ++i) {
    REQUIRE(table.enter(numbered(i), one, after_seconds(start, 1'000'000)) == Answer::too_many);
  }
  for (unsigned i = 0; i < 500; ++i) table.leave(numbered(i));
  CHECK(table.size() <= 16);
}

TEST_CASE("who says nothing any more makes room before the table is full", "[address_table]") {
  AddressTable table;
  const ConnectionBounds bounds{.connections_max = 0, .rate = {.per_second = 1, .burst = 10}};
  for (unsigned i = 0; i < 1000; ++i) {
    CHECK(table.enter(numbered(i), bounds, start) == Answer::admitted);
    table.leave(numbered(i));
  }
  CHECK(table.size() == 1000);
  const Instant later = after_seconds(start, 11);
  for (unsigned i = 1000; i < 3000; ++i) {
    CHECK(table.enter(numbered(i), bounds, later) == Answer::admitted);
    table.leave(numbered(i));
  }
  CHECK(table.size() == 2000);
}

TEST_CASE("bytes before a login are bounded by address, and come back", "[address_table]") {
  constexpr std::uint64_t bytes_max = 100'000;
  constexpr std::size_t large = LoginBytes::free_bytes + 60'000;
  AddressTable table;
  const AddressKey one = key("192.0.2.1");
  auto first = std::make_unique<LoginBytes>(table, one);
  auto second = std::make_unique<LoginBytes>(table, one);
  LoginBytes third(table, one);
  CHECK(first->grow_to(large, bytes_max, start));
  CHECK(first->grow_to(large, bytes_max, start));   // no more than before
  CHECK(first->grow_to(10'000, bytes_max, start));  // as after a move: what was counted stays
  CHECK(second->grow_to(large, bytes_max, start));  // the limit is on what is kept already
  CHECK_FALSE(third.grow_to(large, bytes_max, start));
  CHECK(third.grow_to(LoginBytes::free_bytes, bytes_max, start));
  LoginBytes other(table, key("192.0.2.2"));
  CHECK(other.grow_to(large, bytes_max, start));
  second.reset();
  CHECK(third.grow_to(large, bytes_max, start));
  first.reset();
}

TEST_CASE("an address that keeps bytes is not forgotten, and is afterwards", "[address_table]") {
  AddressTable table(16);
  std::vector<std::unique_ptr<LoginBytes>> all;
  for (unsigned i = 0; i < 500; ++i) {
    all.push_back(std::make_unique<LoginBytes>(table, numbered(i)));
    REQUIRE(all.back()->grow_to(LoginBytes::free_bytes + 1, 1, start));
  }
  for (unsigned i = 0; i < 500; ++i) {
    LoginBytes more(table, numbered(i));
    REQUIRE_FALSE(more.grow_to(LoginBytes::free_bytes + 1, 1, after_seconds(start, 1'000'000)));
  }
  CHECK(table.size() >= 500);
  // Connections of the same addresses come and go meanwhile.
  for (unsigned i = 0; i < 500; ++i) {
    REQUIRE(table.enter(numbered(i), {}, start) == Answer::admitted);
    table.leave(numbered(i));
  }
  CHECK(table.size() >= 500);
  all.clear();
  CHECK(table.size() <= 16);
}
