#pragma once

#include <map>
#include <string>
#include <vector>

#include "conf/options.h"
#include "conf/settings.h"
#include "conf/value.h"

namespace conf {

/// What a file sets, by option: the last value, or all of one that may be repeated.
using WrittenOptions = std::map<const Option*, std::vector<Value>>;

/// What a configuration says, option by option, so that two of them can be compared.
///
/// Shape      listeners: as many as Settings::listeners and in their order; what a listener
///            inherits from the broker stands in `globals` alone.
struct Written {
  WrittenOptions globals;
  std::vector<WrittenOptions> listeners;
};

/// A configuration: what is to be done, and how it was said.
struct Configuration {
  Settings settings;
  Written written;
};

}  // namespace conf
