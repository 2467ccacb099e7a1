#include "broker/core/homes.h"

#include "broker/core/text.h"

namespace broker {

// A share name has no "/", so two groups never have one name here.
ShardIndex Homes::of_group(std::string_view share_name, std::string_view filter) const {
  return of(concat({share_name, "/", filter}));
}

}  // namespace broker
