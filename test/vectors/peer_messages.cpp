#include "test/vectors/peer_messages.h"

#include "test/vectors/build.h"

namespace vectors {
namespace {

using broker::PeerFault;

using Expected = std::optional<PeerFault>;

constexpr unsigned batch = 1;
constexpr unsigned publish = 2;
constexpr unsigned delivery = 3;
constexpr unsigned returned = 4;
constexpr unsigned join = 5;
constexpr unsigned leave = 6;
constexpr unsigned presence = 7;
constexpr unsigned confirmed = 8;
constexpr unsigned metrics_request = 9;
constexpr unsigned metrics_report = 10;
constexpr unsigned links_full = 11;

const std::string no_expiry = u8(0);
const std::string properties = u8(0x01) + u8(1) + u8(0x26) + text("k") + text("v");

std::string expires(std::uint64_t milliseconds) { return u8(1) + le64(milliseconds); }
std::string request(std::uint64_t number, std::uint64_t forward, unsigned depth) {
  return le64(number) + le64(forward) + u8(depth);
}
std::string body(std::string_view topic, std::string_view block, std::string_view payload,
                 const std::string& expiry = no_expiry) {
  return long_text(topic) + long_text(block) + long_text(payload) + expiry;
}
std::string message(unsigned qos, unsigned retain, const std::string& rest, std::uint64_t key = 0) {
  return u8(qos) + u8(retain) + rest + le64(key);
}
std::string group(std::string_view name, std::string_view filter) {
  return long_text(name) + long_text(filter);
}
std::string session() { return le32(7) + le64(300); }

/// A list that is being written: valid ones with good(), the others with bad().
struct Table {
  std::vector<PeerBytes> all;

  void good(const char* name, unsigned kind, const std::string& fields) {
    all.push_back({name, peer_message(kind, fields), {}});
  }
  void bad(const char* name, unsigned kind, const std::string& fields,
           PeerFault fault = PeerFault::malformed) {
    all.push_back({name, peer_message(kind, fields), fault});
  }
};

void add_publishes(Table& table) {
  const std::string plain = body("a/b", "", "hello");
  const std::string stamp = le64(5) + le32(3);
  const std::string nobody = u8(0);
  const std::string somebody =
      u8(1) + long_text("client") + long_text("user") + le16(4) + long_text("192.0.2.7");
  const auto whole = [&](const std::string& told) {
    return told + stamp + nobody + request(0, 0, 0);
  };
  table.good("publish", publish, whole(message(0, 0, plain)));
  table.good("publish retained, of a client, with a confirm request", publish,
             message(2, 1, body("a/b", properties, "hello", expires(60'000)), 99) + stamp +
                 somebody + request(12, 0, 1));
  table.good("publish stored on its way", publish,
             message(2, 0, plain, 99) + stamp + nobody + request(0, 1000, 6));
  table.good("publish without payload", publish, whole(message(1, 1, body("a", "", ""))));
  table.good("publish below a mount point, of 300 levels", publish,
             whole(message(0, 0, body(std::string(299, '/'), "", ""))));
  table.good("publish with the longest topic", publish,
             whole(message(0, 0, body(std::string(65'535, 't'), "", ""))));
  table.good("publish that has expired", publish,
             whole(message(0, 0, body("a", "", "", expires(0)))));
  table.good("publish with the longest expiry", publish,
             whole(message(0, 0, body("a", "", "", expires(4'294'967'295'000)))));
  table.bad("publish with a longer expiry", publish,
            whole(message(0, 0, body("a", "", "", expires(4'294'967'295'001)))));
  table.bad("publish with QoS 3", publish, whole(message(3, 0, plain)));
  table.bad("publish with retain 2", publish, whole(message(0, 2, plain)));
  table.bad("publish with a topic of 65,536 bytes", publish,
            whole(message(0, 0, body(std::string(65'536, 't'), "", ""))));
  table.bad("publish with a wildcard", publish, whole(message(0, 0, body("a/+", "", ""))));
  table.bad("publish without a topic", publish, whole(message(0, 0, body("", "", ""))));
  table.bad("publish with a topic that is not UTF-8", publish,
            whole(message(0, 0, body("\xFF", "", ""))));
  table.bad("publish with a property of the connection", publish,
            whole(message(0, 0, body("a", u8(0x23) + u16(1), ""))));
  table.bad("publish with a subscription identifier", publish,
            whole(message(0, 0, body("a", u8(0x0B) + varint(1), ""))));
  table.bad("publish with half a property", publish, whole(message(0, 0, body("a", u8(0x01), ""))));
  table.bad("publish with a payload that does not fit", publish,
            u8(0) + u8(0) + long_text("a") + long_text("") + le32(0xFFFF'FFFF) + "hello");
  table.bad("publish with a request of depth 7", publish,
            message(0, 0, plain) + stamp + nobody + request(1, 0, 7));
  table.bad("publish of perhaps a client", publish,
            message(0, 0, plain) + stamp + u8(2) + request(0, 0, 0));
}

void add_batches(Table& table) {
  const std::string one = body("a/b", "", "hello");
  table.good("batch of one", batch, le32(1) + one);
  table.good("batch of three", batch,
             le32(3) + one + body("c", properties, "", expires(1)) + body("d", "", "payload"));
  table.bad("batch of none", batch, le32(0));
  table.bad("batch of fewer than it says", batch, le32(2) + one);
  table.bad("batch of more than it says", batch, le32(1) + one + one);
  table.bad("batch of four thousand million", batch, le32(0xFFFF'FFFF) + one);
  table.bad("batch with a large message", batch, le32(1) + body("a", "", std::string(1025, 'x')));
  std::string much = le32(20);
  for (int i = 0; i < 20; ++i) much += body("a", "", std::string(900, 'x'));
  table.bad("batch with too many bytes", batch, much);
  table.bad("batch with a wildcard", batch, le32(1) + body("#", "", ""));
}

void add_groups(Table& table) {
  const std::string names = group("group", "a/+/#");
  table.good("join", join, names + session() + u8(2) + u8(1) + u8(1) + le32(268'435'455));
  table.good("join of one that is offline", join,
             names + session() + u8(0) + u8(0) + u8(0) + le32(0));
  table.good("leave", leave, names + session());
  table.good("presence", presence, names + session() + u8(1));
  table.good("delivery", delivery,
             names + session() + message(1, 0, body("a/b", properties, "hello"), 5) + u8(1) +
                 u8(0) + le32(9) + request(3, 0, 2));
  table.good("return", returned,
             names + message(1, 0, body("a/b", "", "hello")) + request(0, 8, 3));
  table.bad("leave with an empty share name", leave, group("", "a") + session());
  table.bad("leave with a share name of two levels", leave, group("a/b", "a") + session());
  table.bad("leave with a wildcard for a share name", leave, group("+", "a") + session());
  table.bad("leave with a share name that is not UTF-8", leave, group("\x80", "a") + session());
  table.bad("leave with an empty filter", leave, group("g", "") + session());
  table.bad("leave with an ill-formed filter", leave, group("g", "a/#/b") + session());
  table.bad("presence that is neither", presence, names + session() + u8(2));
  table.bad("join with QoS 3", join, names + session() + u8(3) + u8(0) + u8(0) + le32(0));
}

void add_others(Table& table) {
  table.good("confirmed", confirmed, request(7, 0, 1));
  table.good("confirmed of a forward", confirmed, request(0, 70, 6));
  table.bad("confirmed of depth 0", confirmed, request(7, 0, 0));
  table.bad("confirmed of depth 255", confirmed, request(7, 0, 255));
  table.bad("confirmed with bytes left over", confirmed, request(7, 0, 1) + u8(0));
  table.good("metrics request", metrics_request, "");
  table.bad("metrics request with a body", metrics_request, u8(0));
  table.bad("metrics report without figures", metrics_report, le16(0));
  table.bad("metrics report of another build", metrics_report, le16(1) + le64(5));
  table.good("links that are full", links_full, u8(1));
  table.good("links with room", links_full, u8(0));
  table.bad("links that are neither", links_full, u8(2));
  for (const unsigned kind : {0U, 12U, 127U, 255U}) {
    table.bad("unknown kind", kind, "fields", PeerFault::unknown_kind);
  }
  for (const unsigned version : {0U, 2U, 255U}) {
    const std::string content = u8(version) + u8(metrics_request);
    table.all.push_back({"unknown version", long_text(content), PeerFault::unknown_version});
  }
  table.all.push_back({"without a version", le32(0), PeerFault::malformed});
  table.all.push_back({"without a kind", le32(1) + u8(1), PeerFault::malformed});
}

}  // namespace

std::string le16(unsigned value) { return u8(value) + u8(value >> 8U); }
std::string le32(std::uint32_t value) { return le16(value & 0xFFFFU) + le16(value >> 16U); }
std::string le64(std::uint64_t value) {
  return le32(static_cast<std::uint32_t>(value)) + le32(static_cast<std::uint32_t>(value >> 32U));
}
std::string long_text(std::string_view value) {
  return le32(static_cast<std::uint32_t>(value.size())).append(value);
}
std::string peer_message(unsigned kind, std::string_view fields) {
  return long_text((u8(broker::peer_wire_version) + u8(kind)).append(fields));
}

std::vector<PeerBytes> peer_messages() {
  Table table;
  add_publishes(table);
  add_batches(table);
  add_groups(table);
  add_others(table);
  return table.all;
}

}  // namespace vectors
