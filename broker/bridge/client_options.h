#pragma once

#include <cstdint>

#include "broker/bridge/options.h"
#include "broker/client/options.h"

namespace bridge {

/// The options of a bridge as a client of the other broker. Windows and buffers have no limits of
/// their own: those of the session hold.
[[nodiscard]] client::Options remote_options(const Options& options);

/// The options of a bridge as a client of this broker.
///
/// `receive_maximum`: of the other broker. The shard has no more in flight than that broker takes.
[[nodiscard]] client::Options local_options(const Options& options, std::uint16_t receive_maximum);

}  // namespace bridge
