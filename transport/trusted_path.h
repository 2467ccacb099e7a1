// transport/trusted_path.h
#pragma once

#include <string>
#include <sys/types.h>

#include "transport/descriptor.h"

namespace transport {

/// A file that was opened, or why not.
struct OpenedFile {
  Descriptor file;
  int error = 0;  // errno
};

/// Opens a file for writing that the configuration names. As root, no other user chooses the
/// file: a symbolic link is followed only in a folder that root alone can change, and in another
/// folder a file with several names is refused. The environment variable
/// MOSQUITTO_UNSAFE_ALLOW_SYMLINKS, with any value, allows both, as with Mosquitto.
///
/// Requires  `flags` and `mode` of open(2), with O_CLOEXEC.
/// Errors    ELOOP: a link that is not followed; EMLINK: a file with several names; others as
/// open()
///           has them.
[[nodiscard]] OpenedFile open_trusted(const std::string& path, int flags, mode_t mode);

/// The meaning of such an error, as the end of a sentence without its stop.
[[nodiscard]] std::string describe_open_error(int error);

}  // namespace transport
