#pragma once

#include "conf/source.h"

namespace conf {

/// Checks each bridge as a whole, and bridges against each other.
///
/// Shape      Errors: a bridge without an address or topics, a name or local client id that stands
///            twice, TLS options that lack their counterparts or exclude each other, texts that are
///            no topic or no key. Warnings: options without effect, and a remote broker whose
///            certificate is not checked. Notices: values that are taken for others.
/// Returns    All findings, each with its place: that of the option, or that of the bridge.
/// Source     mosquitto.conf(5), "Configuring Bridges"; the refusals are Mosquitto's, but for
/// halves
///            of a pair and TLS options without TLS, which it takes without a word.
[[nodiscard]] Diagnostics check_bridges(const Source& source);

}  // namespace conf
