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
    too_long,   ///< more than hops_max trusted proxies in a row: that is a loop, not a path
  };
  static constexpr std::size_t hops_max = 32;

  Kind kind = Kind::absent;
  PeerAddress address;          // its port is 0 if nobody named one
  std::string_view field = {};  // which header field said so, as it is written; static text
};

/// Reads the header fields of proxies. The caller trusts whoever sent the request.
///
/// Shape      Each proxy adds at the right whom it was called by:
///
///              X-Forwarded-For: client, proxy1, proxy2     [2001:db8::1]:4711, 192.0.2.1:80
///              X-Real-IP: client
///              Forwarded: for=client;proto=https, for="[2001:db8::1]:4711", for=_hidden
///
///            So the client is the rightmost one that is not a trusted proxy: what stands left of
///            it came from outside, and is not looked at. If all are trusted it is the leftmost.
/// Returns    With RealIpHeader::any, what the first of these fields says that is there:
///            X-Forwarded-For, X-Real-IP, Forwarded. In this order because a proxy passes on what
///            it does not know: nearly all of them write X-Forwarded-For, so that a client who
///            sends the other two gains nothing; many do not touch Forwarded. Whose proxy writes
///            only one of the others, names it.
/// Cost       Bounded by the size of a request's header fields.
/// Source     RFC 7239, sections 4 to 6, for Forwarded; the others are custom.
[[nodiscard]] Forwarded forwarded_for(const HttpRequest& request, RealIpHeader header,
                                      const Networks& trusted);

/// X-Request-ID, if it is fit for a log line: 1 to 64 printable characters of ASCII without blanks
/// and quotes. Otherwise "".
[[nodiscard]] std::string_view request_id_of(const HttpRequest& request) noexcept;

}  // namespace transport
