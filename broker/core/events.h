// broker/core/events.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "broker/core/event.h"

namespace broker {

/// The effect of an event on a client.
enum class EventEffect : std::uint8_t {
  none,
  refuses,      ///< a connection, a login or a request
  drops,        ///< a message
  bans,         ///< an address
  disconnects,  ///< a client
};

/// A row of the table of events: what `darter explain` prints.
struct EventText {
  Event event;
  std::string_view name;  // "login_failed"
  EventEffect effect;
  std::string_view meaning;  // one sentence
  std::string_view action;   // what an operator does; sentences
};

inline constexpr std::size_t event_count = static_cast<std::size_t>(Event::count);

/// One row for each event, in the order of the enumerators.
[[nodiscard]] std::span<const EventText> event_texts() noexcept;
[[nodiscard]] const EventText& text_of(Event event) noexcept;
/// Returns   Nothing if no event has that name.
[[nodiscard]] std::optional<Event> event_of(std::string_view name) noexcept;
/// "disconnects"; empty for EventEffect::none.
[[nodiscard]] std::string_view name_of(EventEffect effect) noexcept;

}  // namespace broker
