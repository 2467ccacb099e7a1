// broker/server/http/accept.h
#pragma once

#include "broker/server/http/exposition.h"
#include "transport/http_head.h"

namespace server {

/// The form that a client wants: OpenMetrics if its Accept fields name it, at least as gladly as
/// text/plain; otherwise the older one, which browsers and curl show.
///
/// Source    RFC 9110, section 12.5.1.
[[nodiscard]] ExpositionForm form_wanted(const transport::HttpFields& request);

}  // namespace server
