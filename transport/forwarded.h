// transport/forwarded.h
#pragma once

#include <cstdint>
#include <string_view>

#include "transport/http.h"
#include "transport/networks.h"
#include "transport/options.h"
#include "transport/peer_address.h"

namespace transport {

/// Where an HTTP request came from, as the proxies say through which it went.
struct Forwarded {
  enum class Kind : std::uint8_t {
    absent,     ///< no proxy says anything
    known,      ///< `address` is the client's
    hidden,     ///< a proxy keeps it to itself: "unknown", or a name that it made up
    malformed,  ///< it is no address
    disputed,   ///< two fields name different clients, and either may be the client's own
    too_long,   ///< more than hops_max trusted proxies in a row: that is a loop, not a path
  };
  static constexpr std::size_t hops_max = 32;

  Kind kind = Kind::absent;
  PeerAddress address;          // its port is 0 if none was named
  std::string_view field = {};  // which header field said so, as it is written; static text
  std::string_view other = {};  // Kind::disputed: the field that says something else
};

/// Some of the header fields that can name a client.
///
/// Shape      One bit for each RealIpHeader.
class FieldSet {
 public:
  void add(RealIpHeader field) noexcept { bits_ |= bit(field); }
  [[nodiscard]] bool has(RealIpHeader field) const noexcept { return (bits_ & bit(field)) != 0; }
  [[nodiscard]] bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] FieldSet both(FieldSet other) const noexcept {
    other.bits_ &= bits_;
    return other;
  }
  bool operator==(const FieldSet&) const = default;

 private:
  [[nodiscard]] static constexpr std::uint8_t bit(RealIpHeader field) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(field));
  }
  std::uint8_t bits_ = 0;
};

/// The fields that a request has.
[[nodiscard]] FieldSet fields_in(const HttpRequest& request) noexcept;

/// Reads the header fields of proxies. The caller trusts the sender of the request.
///
/// Shape      Each proxy adds the address of its own client at the right:
///
///              X-Forwarded-For: client, proxy1, proxy2     [2001:db8::1]:4711, 192.0.2.1:80
///              X-Real-IP: client
///              Forwarded: for=client;proto=https, for="[2001:db8::1]:4711", for=_hidden
///
///            So the client is the rightmost one that is not a trusted proxy: elements left of it
///            came from outside, and are ignored. If all are trusted it is the leftmost.
/// Requires   `written`: the fields that this proxy is known to write, see ProxyMemory; empty if
///            that is not known.
/// Returns    With RealIpHeader::any, the combined statement of all fields. A proxy passes on the
///            fields that it does not write, so such a field is the client's own. Fields outside of
///            `written` are ignored if one of those inside is there. One that names a trusted proxy
///            names no client, and gives way to one that does. If two still name different clients,
///            either may be the proxy's: the answer is Kind::disputed.
/// Cost       Bounded by the size of a request's header fields.
/// Source     RFC 7239, sections 4 to 6, for Forwarded; the others are custom.
[[nodiscard]] Forwarded forwarded_for(const HttpRequest& request, RealIpHeader header,
                                      const Networks& trusted, FieldSet written = {});

/// X-Request-ID, if it is fit for a log line: 1 to 64 printable characters of ASCII without blanks
/// and quotes. Otherwise "".
[[nodiscard]] std::string_view request_id_of(const HttpRequest& request) noexcept;

}  // namespace transport
