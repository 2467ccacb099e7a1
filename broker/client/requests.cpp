#include "broker/client/requests.h"

namespace client {

std::optional<Requests::Request> Requests::take(const mqtt::SubscribeAnswer& answer,
                                                mqtt::Version version) {
  const auto found = requests_.find(answer.packet_id);
  if (found == requests_.end() || found->second.answer != answer.type) return std::nullopt;
  const Request request = found->second;
  const bool coded = answer.type == mqtt::PacketType::suback || version == mqtt::Version::v5_0;
  if (coded && answer.reasons.size() != request.filters) return std::nullopt;
  requests_.erase(found);
  return request;
}

}  // namespace client
