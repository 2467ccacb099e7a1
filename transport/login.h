// transport/login.h
#pragma once

#include <functional>
#include <optional>

#include "broker/core/access.h"
#include "broker/core/login_done.h"

namespace transport {

/// Checks a login: answers at once, or returns nothing and calls `done` later.
///
/// Lifetime   Each `done` is destroyed before the Loops object is.
/// Threads    Called on the loops' threads, on several at a time. It must not block.
using LoginFunction = std::function<std::optional<broker::Verdict>(broker::LoginRequest&& request,
                                                                   broker::LoginDone done)>;

}  // namespace transport
