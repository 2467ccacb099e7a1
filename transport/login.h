// transport/login.h
#pragma once

#include <functional>
#include <optional>

#include "broker/core/access.h"
#include "broker/core/outbox.h"

namespace transport {

/// Takes the answer to a login. Safe from any thread, as long as the Loops object lives; to be
/// called at most once.
using LoginDone = std::function<void(broker::Verdict)>;

/// Checks a login: answers at once, or returns nothing and calls `done` later.
///
/// Threads    Called on the loops' threads, on several at a time. It must not block.
using LoginFunction =
    std::function<std::optional<broker::Verdict>(broker::LoginRequest&& request, LoginDone done)>;

}  // namespace transport
