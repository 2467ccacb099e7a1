// broker/server/ask/overview.h
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ask {

/// The state of a broker as a screenful of lines: from its answers to `status`, `seconds` apart.
///
/// Shape      "clients       12 connected, 15 sessions, 40 subscriptions" and so on; "PROBLEM" in
///            front of each fault. A value that another version lacks counts as 0.
/// Requires   seconds > 0.
[[nodiscard]] std::string overview_text(const nlohmann::ordered_json& before,
                                        const nlohmann::ordered_json& now, double seconds);

}  // namespace ask
