// transport/link/srv.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <uv.h>
#include <vector>

#include "broker/wire/bytes.h"

namespace transport {

// Where a domain has its MQTT servers: SRV records of DNS (RFC 2782).

/// One SRV record.
struct SrvTarget {
  std::string host;  // without the last full stop; empty: the domain has no such service
  std::uint16_t port = 0;
  std::uint16_t priority = 0;  // the least first
  std::uint16_t weight = 0;    // share of the connections among equal priorities

  bool operator==(const SrvTarget&) const = default;
};

/// "_mqtt._tcp.example.com", or "_secure-mqtt._tcp.example.com" for TLS; without a domain the name
/// that the resolver's search list completes.
[[nodiscard]] std::string srv_name(std::string_view domain, bool has_tls);

/// The SRV records of an answer of DNS; none if it is malformed.
[[nodiscard]] std::vector<SrvTarget> read_srv_answer(mqtt::Bytes answer);

/// Puts targets in the order in which a client tries them: by priority, and at random by weight
/// among equal ones. `random` returns a number from 0 to its argument.
void order_srv_targets(std::vector<SrvTarget>& targets,
                       const std::function<std::uint32_t(std::uint32_t)>& random);

/// The name that a target's certificate has to have: the target's own if that is in the domain,
/// else the domain's. DNS may be forged, and a forger has a certificate of a host elsewhere (RFC
/// 6125, section 6.2.1). Without a domain it is the target's.
[[nodiscard]] std::string checked_srv_name(std::string_view domain, const std::string& host);

/// Asks the system's resolver for SRV records, without a wait of its loop: in a thread of libuv's
/// pool.
///
/// Lifetime   A question outlives this class for as long as its thread works: the loop has to run
///            until then.
/// Bounds     64 KiB of answer, 16 targets.
/// Threads    Its loop's.
class SrvLookup {
 public:
  /// The targets in their order, at least one; or why there is none, as a sentence without its
  /// full stop, with a remedy.
  using Done = std::function<void(std::expected<std::vector<SrvTarget>, std::string>)>;

  explicit SrvLookup(uv_loop_t* loop) noexcept : loop_(loop) {}
  /// As cancel().
  ~SrvLookup() { cancel(); }
  SrvLookup(const SrvLookup&) = delete;
  SrvLookup& operator=(const SrvLookup&) = delete;

  /// Calls `done` once, later, unless cancel() comes first.
  ///
  /// Requires  No question is under way.
  void ask(const std::string& name, Done done);
  /// Gives up: `done` is not called.
  void cancel() noexcept;

 private:
  struct Question;

  uv_loop_t* loop_;
  Question* question_ = nullptr;  // owns itself, and forgets the lookup when that gives it up
};

}  // namespace transport
