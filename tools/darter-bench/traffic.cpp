#include "tools/darter-bench/traffic.h"

#include <algorithm>

#include "tools/darter-bench/text.h"

namespace bench {
namespace {

std::uint32_t chosen(std::uint32_t asked, std::uint32_t otherwise) {
  return asked > 0 ? asked : otherwise;
}

}  // namespace

std::string Traffic::topic_of(std::uint32_t publisher) const {
  return text_of("bench/g", publisher % groups, "/d", publisher, "/value");
}

std::string Traffic::filter_of(std::uint32_t subscriber) const {
  switch (filter) {
    case Filter::exact:
      return topic_of(subscriber % groups);
    case Filter::group:
      return text_of("bench/g", subscriber % groups, "/+/value");
    case Filter::everything:
      break;
  }
  return "bench/#";
}

std::string Traffic::other_filter(std::uint32_t number) const {
  const std::uint32_t device = number / 3 % (publishers * 4 + 1);
  switch (number % 3) {
    case 0:
      return text_of("bench/g", number % groups, "/d", device, "/spare", number);
    case 1:
      return text_of("bench/+/d", device, "/spare", number, "/#");
    default:
      break;
  }
  return text_of("plant", number % 1000, "/line", number / 1000 % 1000, "/+/spare", number);
}

Traffic traffic_of(const Options& options) {
  if (options.scenario == "fanin") {
    return {.publishers = chosen(options.publishers, 200),
            .subscribers = chosen(options.subscribers, 1),
            .filter = Traffic::Filter::everything};
  }
  if (options.scenario == "fanout") {
    return {.publishers = 1, .subscribers = chosen(options.subscribers, 500)};
  }
  if (options.scenario == "many") {
    const std::uint32_t receivers = chosen(options.receivers, 5);
    const std::uint32_t groups = std::max(chosen(options.subscribers, 100) / receivers, 1U);
    return {.publishers = chosen(options.publishers, 100),
            .subscribers = groups * receivers,
            .groups = groups,
            .filter = Traffic::Filter::group};
  }
  const std::uint32_t pairs = chosen(options.publishers, 50);
  return {.publishers = pairs, .subscribers = pairs, .groups = pairs};
}

}  // namespace bench
