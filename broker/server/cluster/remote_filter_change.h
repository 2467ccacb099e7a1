#pragma once

#include <string>

namespace server {

/// A filter of other nodes that shards send messages for from now on, or no more.
struct RemoteFilterChange {
  std::string filter;
  bool added = false;
};

}  // namespace server
