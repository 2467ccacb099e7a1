#include "transport/forwarded.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transport {
namespace {

using Kind = Forwarded::Kind;
using Fields = std::vector<std::pair<std::string, std::string>>;

Networks trusted() {
  Networks networks;
  for (const std::string_view each : {"127.0.0.0/8", "::1", "10.0.0.0/8", "unix"}) {
    CHECK(networks.add(each));
  }
  return networks;
}

Forwarded read(Fields fields, RealIpHeader header = RealIpHeader::any) {
  HttpRequest request;
  request.fields = std::move(fields);
  return forwarded_for(request, header, trusted());
}

/// The client's address, or in words why there is none.
std::string client_of(const Forwarded& found) {
  switch (found.kind) {
    case Kind::absent:
      return "absent";
    case Kind::known:
      return found.address.text_with_port();
    case Kind::hidden:
      return "hidden";
    case Kind::malformed:
      return "malformed";
    case Kind::too_long:
      return "too long";
  }
  return "";
}

}  // namespace

TEST_CASE("X-Forwarded-For: the client is the rightmost hop that is not trusted", "[forwarded]") {
  const auto [value, client] = GENERATE(table<std::string, std::string>({
      {"192.0.2.7", "192.0.2.7"},
      {"192.0.2.7, 10.0.0.1, 127.0.0.1", "192.0.2.7"},
      {"203.0.113.66, 192.0.2.7, 10.0.0.1", "192.0.2.7"},  // the left one is what a client says
      {"rubbish, \", 192.0.2.7", "192.0.2.7"},
      {"192.0.2.7,,10.0.0.1 ,", "192.0.2.7"},
      {"192.0.2.7:4711", "192.0.2.7:4711"},
      {"2001:db8::1", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:db8::1]:4711", "2001:db8::1:4711"},
      {"::ffff:192.0.2.7", "192.0.2.7"},
      {"192.0.2.7, ::ffff:10.0.0.1", "192.0.2.7"},
      {"192.0.2.7, unix:", "192.0.2.7"},
      {"10.0.0.2, 127.0.0.1", "10.0.0.2"},  // all are trusted
      {"unknown", "hidden"},
      {"192.0.2.7, unknown, 127.0.0.1", "hidden"},
      {"_secret", "hidden"},
      {"192.0.2.7, rubbish", "malformed"},
      {"192.0.2.7:", "malformed"},
      {"192.0.2.7:65536", "malformed"},
      {"192.0.2.7:8x", "malformed"},
      {"[192.0.2.7", "malformed"},
      {"[2001:db8::1]4711", "malformed"},
      {"[2001:db8::1]:", "malformed"},
      {"192.0.2.7 10.0.0.1", "malformed"},
      {std::string(5000, '1'), "malformed"},
      {std::string(5000, ','), "absent"},
      {"", "absent"},
  }));
  CAPTURE(value);
  const Forwarded found = read({{"host", "a"}, {"x-forwarded-for", value}});
  CHECK(client_of(found) == client);
  if (found.kind != Kind::absent) CHECK(found.field == "X-Forwarded-For");
}

TEST_CASE("Forwarded is read as RFC 7239 has it", "[forwarded]") {
  const auto [value, client] = GENERATE(table<std::string, std::string>({
      {"for=192.0.2.7", "192.0.2.7"},
      {"For=192.0.2.7; Proto=https;by=10.0.0.1", "192.0.2.7"},
      {"proto=http;for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17:4711"},
      {"for=\"192.0.2.7:80\", for=10.0.0.1", "192.0.2.7:80"},
      {"for=203.0.113.66, for=192.0.2.7;host=\"a,b;c\"", "192.0.2.7"},
      {"for=192.0.2.7;host=\"a\\\"b\"", "192.0.2.7"},
      {"for=\"evil, for=192.0.2.7", "192.0.2.7"},  // a quote that never ends hides nobody
      {"for=\"\\\", for=192.0.2.7", "192.0.2.7"},
      {"for=\"192.0.2.7:_port\"", "192.0.2.7"},
      {"for=unknown", "hidden"},
      {"for=\"_gazonk\"", "hidden"},
      {"proto=https", "hidden"},
      {"for=_a, for=10.0.0.1", "hidden"},
      {"for", "malformed"},
      {"for=", "malformed"},
      {"for=192.0.2.7 proto=https", "malformed"},
      {"for=\"192.0.2.7", "malformed"},
      {"for=\"192.0.2.7\"x", "malformed"},
      {"for=host.example", "malformed"},
  }));
  CAPTURE(value);
  CHECK(client_of(read({{"forwarded", value}})) == client);
}

TEST_CASE("several fields of one name are one list", "[forwarded]") {
  CHECK(client_of(read({{"x-forwarded-for", "192.0.2.7"}, {"x-forwarded-for", "10.0.0.1"}})) ==
        "192.0.2.7");
  CHECK(client_of(read({{"x-forwarded-for", "203.0.113.66"}, {"x-forwarded-for", "192.0.2.7"}})) ==
        "192.0.2.7");
}

TEST_CASE("which of several fields counts", "[forwarded]") {
  const Fields all = {
      {"forwarded", "for=192.0.2.3"}, {"x-real-ip", "192.0.2.2"}, {"x-forwarded-for", "192.0.2.1"}};
  CHECK(client_of(read(all)) == "192.0.2.1");
  CHECK(client_of(read({all[0], all[1]})) == "192.0.2.2");
  CHECK(client_of(read({all[0]})) == "192.0.2.3");
  CHECK(client_of(read(all, RealIpHeader::x_real_ip)) == "192.0.2.2");
  CHECK(client_of(read(all, RealIpHeader::forwarded)) == "192.0.2.3");
  CHECK(client_of(read({all[0], all[1]}, RealIpHeader::x_forwarded_for)) == "absent");
  CHECK(read(all, RealIpHeader::forwarded).field == "Forwarded");
}

TEST_CASE("a path has an end", "[forwarded]") {
  std::string list = "192.0.2.7";
  for (std::size_t hop = 1; hop < Forwarded::hops_max; ++hop) list += ", 10.0.0.1";
  CHECK(client_of(read({{"x-forwarded-for", list}})) == "192.0.2.7");
  CHECK(client_of(read({{"x-forwarded-for", list + ", 10.0.0.1"}})) == "too long");
}

TEST_CASE("X-Request-ID is taken if it is fit for a log line", "[forwarded]") {
  const auto id_of = [](std::string value) {
    HttpRequest request;
    request.fields = {{"x-request-id", std::move(value)}};
    return std::string(request_id_of(request));
  };
  CHECK(id_of("7f8e-42_a.b") == "7f8e-42_a.b");
  CHECK(id_of(std::string(64, 'a')).size() == 64);
  CHECK(id_of(std::string(65, 'a')).empty());
  CHECK(id_of("").empty());
  for (const std::string bad : {"a b", "a\tb", "a\"b", "a'b", "\xC3\xA4", "a\x7F"}) {
    CHECK(id_of(bad).empty());
  }
  CHECK(request_id_of(HttpRequest()).empty());
}

}  // namespace transport
