#include "transport/forwarded.h"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/proxy_memory.h"

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

Forwarded read(Fields fields, RealIpHeader header = RealIpHeader::any, FieldSet written = {}) {
  HttpRequest request;
  request.fields = std::move(fields);
  return forwarded_for(request, header, trusted(), written);
}

FieldSet set_of(std::initializer_list<RealIpHeader> fields) {
  FieldSet set;
  for (const RealIpHeader each : fields) set.add(each);
  return set;
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
    case Kind::disputed:
      return "disputed";
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
  CHECK(client_of(read({all[0]})) == "192.0.2.3");
  CHECK(client_of(read(all, RealIpHeader::x_real_ip)) == "192.0.2.2");
  CHECK(client_of(read(all, RealIpHeader::forwarded)) == "192.0.2.3");
  CHECK(client_of(read({all[0], all[1]}, RealIpHeader::x_forwarded_for)) == "absent");
  CHECK(read(all, RealIpHeader::forwarded).field == "Forwarded");
}

TEST_CASE("fields that name different clients are not believed", "[forwarded]") {
  const auto [forwarded_for, real_ip, client] =
      GENERATE(table<std::string, std::string, std::string>({
          {"203.0.113.66", "192.0.2.7", "disputed"},  // the client's own, and the proxy's; or not
          {"rubbish", "192.0.2.7", "disputed"},
          {"unknown", "192.0.2.7", "disputed"},
          {"192.0.2.7", "192.0.2.7", "192.0.2.7"},
          {"192.0.2.7:4711", "192.0.2.7", "192.0.2.7:4711"},
          {"203.0.113.66, 192.0.2.7", "192.0.2.7", "192.0.2.7"},
          {"192.0.2.7, 10.0.0.1", "10.0.0.1", "192.0.2.7"},  // the second of two proxies wrote that
          {"10.0.0.1", "192.0.2.7", "192.0.2.7"},
          {"10.0.0.1", "10.0.0.2", "10.0.0.1"},
      }));
  CAPTURE(forwarded_for, real_ip);
  const Forwarded found = read({{"x-real-ip", real_ip}, {"x-forwarded-for", forwarded_for}});
  CHECK(client_of(found) == client);
  if (found.kind != Kind::disputed) return;
  CHECK(found.field == "X-Forwarded-For");
  CHECK(found.other == "X-Real-IP");
}

TEST_CASE("a field that the proxy does not write is the client's own", "[forwarded]") {
  const Fields spoofed = {{"x-forwarded-for", "203.0.113.66"},
                          {"x-real-ip", "192.0.2.7"},
                          {"forwarded", "for=203.0.113.67"}};
  const auto any = RealIpHeader::any;
  CHECK(client_of(read(spoofed)) == "disputed");
  CHECK(client_of(read(spoofed, any, set_of({RealIpHeader::x_real_ip}))) == "192.0.2.7");
  CHECK(client_of(read(spoofed, any, set_of({RealIpHeader::x_forwarded_for}))) == "203.0.113.66");
  CHECK(client_of(
            read(spoofed, any, set_of({RealIpHeader::x_real_ip, RealIpHeader::x_forwarded_for}))) ==
        "disputed");
}

TEST_CASE("requests without a field show that their proxy does not write it", "[forwarded]") {
  const PeerAddress proxy = *PeerAddress::parse("127.0.0.1", 4711);
  const PeerAddress again = *PeerAddress::parse("127.0.0.1", 4712);
  const FieldSet real_ip = set_of({RealIpHeader::x_real_ip});
  const FieldSet spoofed = set_of({RealIpHeader::x_real_ip, RealIpHeader::x_forwarded_for});
  ProxyMemory memory;
  CHECK(memory.always(1, proxy, spoofed) == spoofed);
  CHECK(memory.always(1, again, real_ip) == real_ip);
  CHECK(memory.always(1, proxy, spoofed) == real_ip);
  CHECK(memory.always(1, proxy, {}).empty());  // no proxy: a program beside it
  CHECK(memory.always(1, proxy, spoofed) == real_ip);
  CHECK(memory.always(2, proxy, spoofed) == spoofed);  // another listener, another location
  // Two proxies at one address that write different fields: nothing is certain any more.
  CHECK(memory.always(1, proxy, set_of({RealIpHeader::forwarded})).empty());
  CHECK(memory.always(1, proxy, spoofed).empty());
}

TEST_CASE("strangers are told once, and so many at most", "[forwarded]") {
  ProxyMemory memory;
  const PeerAddress stranger = *PeerAddress::parse("172.17.0.2", 4711);
  CHECK(memory.is_new_stranger(1, stranger));
  CHECK_FALSE(memory.is_new_stranger(1, *PeerAddress::parse("172.17.0.2", 4712)));
  CHECK(memory.is_new_stranger(2, stranger));
  std::size_t told = 2;
  for (int host = 1; host < 250; ++host) {
    const auto address = PeerAddress::parse("192.0.2." + std::to_string(host));
    if (memory.is_new_stranger(1, *address)) ++told;
  }
  CHECK(told == ProxyMemory::strangers_max);
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
