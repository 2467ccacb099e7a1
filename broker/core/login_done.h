// broker/core/login_done.h
#pragma once

#include <functional>

#include "broker/core/access.h"

namespace broker {

/// Takes the answer to a login that could not be answered at once. Called once, or destroyed.
///
/// Threads    Any.
using LoginDone = std::move_only_function<void(Verdict)>;

}  // namespace broker
