#pragma once

#include <array>
#include <source_location>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/line_rate.h"
#include "broker/core/line_rates.h"
#include "broker/core/log.h"
#include "broker/core/refusals.h"
#include "transport/address_table.h"
#include "transport/connection.h"
#include "transport/forwarded.h"
#include "transport/loop_tracer.h"
#include "transport/options.h"
#include "transport/proxy_cuts.h"

namespace transport {

/// Log lines about the connections of one loop.
///
///            Traces have all of them.
/// Invariant  Clients cause these lines, so each kind has a rate; lines above it are counted, and
///            the count is told with the next line or by tell_held_back().
/// Threads    Its loop's only; the log is safe from any.
class ConnectionLog {
 public:
  /// `tracer` null: there are no traces.
  explicit ConnectionLog(broker::Log& log, LoopTracer* tracer = nullptr)
      : log_(log), tracer_(tracer) {}
  ConnectionLog(const ConnectionLog&) = delete;
  ConnectionLog& operator=(const ConnectionLog&) = delete;

  /// A notice with the client's address between two texts; see broker::LineRates for `place`.
  void note(const Connection& connection, broker::Event event, std::string_view before,
            std::string_view after, broker::Instant now, const std::source_location& place);
  /// The same about a connection that is refused or closed; one rate for each reason.
  void refused(const Connection& connection, broker::Refusal refusal, std::string_view before,
               std::string_view after, broker::Instant now,
               const std::source_location& place = std::source_location::current());
  /// Names the defects of a request that was accepted nevertheless.
  void defects(const Connection& connection, std::string_view defects, broker::Instant now);
  void banned(const AddressKey& key, const LoginBounds& bounds, broker::Instant now);
  /// A trusted proxy sent a header field that names no client.
  void bad_forwarded(const Connection& connection, const Forwarded& forwarded, broker::Instant now,
                     const std::source_location& place = std::source_location::current());
  /// A peer that no one trusts sent a proxy's header field. Without this line the operator does not
  /// see that limits and bans count a whole proxy as one client.
  void stranger(const Connection& connection, std::string_view field);
  /// A connection through a proxy ended, and its client had not said that it would go.
  void ended(const Connection& connection, broker::Instant now);

  /// Sums up the lines that were held back, once their second is over. To be called now and then.
  void tell_held_back(broker::Instant now);

 private:
  struct RefusalLines : std::array<broker::LineRate, broker::refusal_kinds> {
    RefusalLines();
  };

  void trace(const Connection& connection, std::string_view before, std::string_view after);
  void write(const Connection& connection, broker::Event event, std::string_view before,
             std::string_view after, broker::Instant now, const std::source_location& place);

  broker::Log& log_;
  LoopTracer* tracer_;
  RefusalLines refusal_lines_;
  broker::LineRates line_rates_;  // of all that note() writes
  broker::LineRate ban_lines_;
  broker::LineRate defect_lines_;
  ProxyCuts proxy_cuts_;
  broker::Instant next_forwarded_line_;
};

}  // namespace transport
