#include "broker/core/line_rates.h"

#include <bit>
#include <utility>

#include "broker/core/text.h"

namespace broker {
namespace {

constexpr auto limited =
    static_cast<std::uint32_t>(LogType::error) | static_cast<std::uint32_t>(LogType::warning) |
    static_cast<std::uint32_t>(LogType::notice) | static_cast<std::uint32_t>(LogType::information);

/// The name of a file is one string of the program wherever it is asked for.
std::uint64_t key_of(const std::source_location& place) noexcept {
  constexpr unsigned line_bits = 16;
  const auto file = std::bit_cast<std::uintptr_t>(place.file_name());
  return (std::uint64_t{file} << line_bits) ^ place.line();
}

void write_held_back(Log& log, LogType type, std::uint64_t count, std::string_view last) {
  log.write_event(type, {.event = Event::lines_held_back},
                  concat({std::to_string(count), " more lines like this were held back: ", last}));
}

}  // namespace

void LineRates::write(Log& log, LogType type, const LogFields& fields,
                      std::initializer_list<std::string_view> pieces, Instant now,
                      const std::source_location& place) {
  if (!log.enabled(type)) return;
  if ((static_cast<std::uint32_t>(type) & limited) == 0) {
    return log.write_event(type, fields, concat(pieces));
  }
  Kind& kind = kinds_[key_of(place)];
  const auto held_back = kind.rate.admit(now);
  if (!held_back) return;
  if (*held_back > 0) write_held_back(log, kind.type, *held_back, kind.last);
  kind.type = type;
  kind.last = concat(pieces);
  log.write_event(type, fields, kind.last);
}

void LineRates::tell_held_back(Log& log, Instant now) {
  for (auto& [key, kind] : kinds_) {
    const std::uint64_t count = kind.rate.overdue(now);
    if (count > 0) write_held_back(log, kind.type, count, kind.last);
  }
}

}  // namespace broker
