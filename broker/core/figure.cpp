#include "broker/core/figure.h"

namespace broker {

std::string topic_of_item(std::string_view topic, std::string_view item) {
  std::string result(topic);
  const std::size_t place = result.find('+');
  if (place != std::string::npos) result.replace(place, 1, item);
  return result;
}

}  // namespace broker
