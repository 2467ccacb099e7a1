// broker/client_log.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string_view>

#include "broker/core/connection.h"
#include "broker/core/limits.h"
#include "broker/core/line_rate.h"
#include "broker/core/line_rates.h"
#include "broker/core/log.h"
#include "broker/core/log_fields.h"
#include "broker/core/tracer.h"
#include "broker/turn.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"

namespace broker {

/// Lines of a shard about its clients.
///
/// Shape      Every line has the rate of LineRates. Lines that many clients can cause at once, each
///            of them new to that rate's kind, have one a second: RareLine.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class ClientLog final {
 public:
  /// Kinds of lines that are written once a second at most.
  enum class RareLine : std::uint8_t {
    delayed,             ///< a client publishes faster than it may
    connect_timeout,     ///< no CONNECT in time
    control_will,        ///< a will to $CONTROL
    login_memory,        ///< no memory for a CONNECT
    subscription_limit,  ///< a subscription beyond a limit
    count,
  };

  ClientLog(const Limits& limits, Log& log, const Turn& turn, const Tracer& tracer)
      : limits_(limits), log_(log), turn_(turn), tracer_(tracer) {}

  /// An event begins: whether debug lines are read is asked once for it.
  void enter() noexcept {
    watches_ = debug_ = log_.enabled(LogType::debug);
    if (tracer_.on()) [[unlikely]]
      enter_traced();
  }
  [[nodiscard]] bool debug() const noexcept { return debug_; }
  /// Whether debug lines are read, or there is a trace.
  [[nodiscard]] bool watches() const noexcept { return watches_; }
  [[nodiscard]] const Tracer& tracer() const noexcept { return tracer_; }
  [[nodiscard]] bool enabled(LogType type) const noexcept { return log_.enabled(type); }
  /// Whether lines about clients that come and go are read by anybody.
  [[nodiscard]] bool tells_of_connections() const noexcept {
    return limits_.connection_messages && log_.enabled(LogType::notice);
  }

  /// A line that a client can cause; see LineRates.
  void note(LogType type, const LogFields& fields, std::initializer_list<std::string_view> pieces,
            const std::source_location& place = std::source_location::current());
  /// The same without an event: lines about packets, which are asked for.
  void note(LogType type, std::initializer_list<std::string_view> pieces,
            const std::source_location& place = std::source_location::current()) {
    note(type, {}, pieces, place);
  }
  /// A notice.
  void note_rarely(RareLine kind, const LogFields& fields,
                   std::initializer_list<std::string_view> pieces,
                   const std::source_location& place = std::source_location::current());
  // Debug lines, and the ends of what traces tell of a PUBLISH: out of the way of most packets.
  void note_received(const Connection& connection, const mqtt::Frame& frame);
  void note_sent(const Connection& connection, mqtt::Bytes packet);

  /// To be called now and then: writes how many lines of the last second were held back.
  void tell_held_back() { rates_.tell_held_back(log_, turn_.now()); }

 private:
  void enter_traced();

  const Limits& limits_;
  Log& log_;
  const Turn& turn_;
  const Tracer& tracer_;
  bool debug_ = false;
  bool watches_ = false;
  LineRates rates_;
  std::array<LineRate, static_cast<std::size_t>(RareLine::count)> rare_;
};

}  // namespace broker
