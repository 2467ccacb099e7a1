// broker/core/denial_log.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_map>

#include "broker/core/denial.h"
#include "broker/core/ids.h"
#include "broker/core/line_rate.h"
#include "broker/core/log.h"
#include "broker/core/metrics.h"
#include "broker/core/session.h"
#include "broker/core/tracer.h"

namespace broker {

/// Counts denied requests of clients, and logs them at a bounded rate.
///
/// Shape      A line names client, address, user, topic and the cause: the place of a line in the
///            ACL file, or that none grants it. PUBLISH, wills and SUBSCRIBE: a line a second for
///            each kind. A wide filter of which little may be read is denied messages all day: so
///            deliveries get a line an hour for each client, and a line a second over all.
/// Threads    None.
class DenialLog {
 public:
  DenialLog(Metrics& metrics, Log& log, const Tracer& tracer = untraced)
      : metrics_(metrics), log_(log), tracer_(tracer) {}

  /// A PUBLISH or a will was denied; `topic` has the mount point in front.
  void count(Denial kind, const Session& session, std::string_view topic, Instant now);
  /// A filter was denied. `granted`: the client was told that it is subscribed all the same.
  void count_filter(const Session& session, std::string_view filter, bool granted, Instant now);
  /// A message was withheld from some sessions.
  ///
  /// Cost      An addition, and at most 64 sessions are looked at in a second.
  void count_withheld(std::span<const Session* const> sessions, std::string_view topic,
                      Instant now);
  void count_withheld(const Session& session, std::string_view topic, Instant now) {
    const Session* const one = &session;
    count_withheld({&one, 1}, topic, now);
  }
  /// For the parts that deny.
  [[nodiscard]] const Tracer& tracer() const noexcept { return tracer_; }
  /// Rights have changed: deliveries that are denied from now on are news.
  void forget() { told_.clear(); }
  /// To be called every second or so: says how many lines were held back.
  void tell(Instant now);

 private:
  /// Counts a denial. Returns whether a line about it is due.
  [[nodiscard]] bool admit(Denial kind, Instant now);
  /// Whether no line told of deliveries to the session in the last hour; from now on one has.
  [[nodiscard]] bool is_news(const Session& session, Instant now);
  void write_held_back(Denial kind, std::uint64_t count);
  void write(const LogFields& fields, std::initializer_list<std::string_view> pieces);
  void trace(Denial kind, Access access, const Session& session, std::string_view topic) const;

  Metrics& metrics_;
  Log& log_;
  const Tracer& tracer_;
  std::array<LineRate, denial_kinds> rates_;
  std::unordered_map<std::uint64_t, Instant> told_;  // by Session::number: deliveries, and when
  std::size_t looks_ = 0;  // at sessions that were withheld a message, since the last pause
  Instant next_look_;
};

}  // namespace broker
