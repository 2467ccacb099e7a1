#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "conf/options.h"

namespace conf {

/// Ends of ranges.
inline constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t uint16_max = std::numeric_limits<std::uint16_t>::max();

/// The parts of the table. options() puts them together; no other file needs them.
[[nodiscard]] std::span<const Option> client_option_rows();
[[nodiscard]] std::span<const Option> global_option_rows();
[[nodiscard]] std::span<const Option> logging_option_rows();
[[nodiscard]] std::span<const Option> listener_option_rows();
[[nodiscard]] std::span<const Option> tls_option_rows();
[[nodiscard]] std::span<const Option> bridge_option_rows();
[[nodiscard]] std::span<const Option> bridge_tls_option_rows();
[[nodiscard]] std::span<const Option> cluster_option_rows();

/// The value of slow_consumer_policy and its like, checked already.
[[nodiscard]] SlowConsumer slow_consumer_of(const Value& value);

/// Puts a checked value into a member. The row's range makes sure that it fits.
inline void store(bool& member, const Value& value) { member = std::get<bool>(value); }
inline void store(std::string& member, const Value& value) {
  member = std::get<std::string>(value);
}
inline void store(std::vector<std::string>& member, const Value& value) {
  member.push_back(std::get<std::string>(value));
}
template <std::integral Number>
  requires(!std::same_as<Number, bool>)
void store(Number& member, const Value& value) {
  member = static_cast<Number>(std::get<std::int64_t>(value));
}

template <auto Member>
void to_settings(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.*Member, value);
}
template <auto Member>
void to_log(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.log.*Member, value);
}
template <auto Member>
void to_listener(Settings& /*settings*/, Listener& listener, const Value& value) {
  store(listener.*Member, value);
}
template <auto Member>
void to_security(Settings& /*settings*/, Listener& listener, const Value& value) {
  store(listener.security.*Member, value);
}

/// The bridge that is being resolved is the last one so far.
template <auto Member>
void to_bridge(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.bridges.back().*Member, value);
}
template <auto Member>
void to_bridge_tls(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.bridges.back().tls.*Member, value);
}

template <auto Member>
void to_tls(Settings& /*settings*/, Listener& listener, const Value& value) {
  store(listener.tls.*Member, value);
}

}  // namespace conf
