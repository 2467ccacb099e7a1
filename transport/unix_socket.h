// transport/unix_socket.h
#pragma once

#include <expected>
#include <string>

#include "transport/descriptor.h"
#include "transport/options.h"

namespace transport {

/// Binds a unix socket and gives it the mode and the owner of the options. It does not listen yet:
/// until it does, nobody can connect, whatever its file allows for a moment.
///
/// Errors    Why not, as the end of a sentence. The file of a socket that nobody answers on is
///           replaced; one that somebody answers on is an error. Nothing is left behind.
[[nodiscard]] std::expected<Descriptor, std::string> bind_unix(const ListenerOptions& options);

/// Gives the file of a unix socket that listens the mode and the owner of the options.
///
/// Errors    Why not, as the end of a sentence: only root may give a file away.
[[nodiscard]] std::expected<void, std::string> change_unix(const ListenerOptions& options);

}  // namespace transport
