#pragma once

#include <map>
#include <string>
#include <vector>

#include "conf/options.h"
#include "conf/settings.h"
#include "conf/value.h"

namespace conf {

/// The options that a file sets: each with its last value, or with all values if it may be
/// repeated.
using WrittenOptions = std::map<const Option*, std::vector<Value>>;

/// The content of a configuration, option by option, so that two of them can be compared.
///
/// Shape      listeners: as many as Settings::listeners and in their order; options that a listener
///            inherits from the broker stand in `globals` alone. bridges: as Settings::bridges.
struct Written {
  WrittenOptions globals;
  std::vector<WrittenOptions> listeners;
  std::vector<WrittenOptions> bridges;
};

/// A configuration: the settings in force, and the options as written.
struct Configuration {
  Settings settings;
  Written written;
};

}  // namespace conf
