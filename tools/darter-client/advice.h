#pragma once

#include <string>

#include "broker/wire/reason.h"
#include "tools/darter-client/settings.h"
#include "transport/link/link.h"

namespace shell {

/// Lines for standard error after a connection has failed: its fault, and the next thing to try.
[[nodiscard]] std::string advice_on(const transport::LinkEnd& end, const Settings& settings,
                                    bool has_tls);

/// The next thing to try after a broker has refused the client; may be empty.
[[nodiscard]] std::string advice_on(mqtt::Reason reason, const Settings& settings);

}  // namespace shell
