#pragma once

#include "conf/source.h"

namespace conf {

/// Checks whether the values of websockets_origin and http_path can match clients' requests.
///
/// Shape      An Origin is SCHEME://HOST, or SCHEME://HOST:PORT where the port is not the scheme's
///            own, in lower case and in ASCII, with nothing behind it (RFC 6454, section 6.2). A
///            path begins with '/' and has neither query nor characters that a request target
///            cannot hold (RFC 9112, section 3.2.1). Both are compared byte by byte.
/// Returns    A warning for each value that cannot, with its place and the value that would.
[[nodiscard]] Diagnostics check_websockets(const Source& source);

}  // namespace conf
