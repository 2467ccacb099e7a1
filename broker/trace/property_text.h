// broker/trace/property_text.h
#pragma once

#include <string>

#include "broker/wire/bytes.h"

namespace trace {

/// Appends ", NAME VALUE" for each property of a PUBLISH.
///
/// Requires  A block that its decoder accepts.
void add_properties(std::string& text, mqtt::Bytes properties);

}  // namespace trace
