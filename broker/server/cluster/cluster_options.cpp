#include "broker/server/cluster/cluster_options.h"

#include <array>
#include <cassert>
#include <string>
#include <unistd.h>

#include "broker/core/text.h"

namespace server {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace

ClusterService::Options cluster_options_of(const conf::ClusterSettings& settings,
                                           std::uint32_t shards) {
  assert(!settings.urls.empty());
  ClusterService::Options options;
  options.cluster = settings.name;
  options.node = settings.node.empty() ? conf::node_name_of(host_name()) : settings.node;
  options.shards = shards;
  transport::NatsOptions& nats = options.nats;
  nats.urls = settings.urls;
  nats.name = broker::concat({"darter ", options.node});
  nats.user = settings.credentials_file.empty() ? settings.username : "";
  nats.password = settings.credentials_file.empty() ? settings.password : "";
  nats.credentials_file = settings.credentials_file;
  nats.ca_file = settings.ca_file;
  nats.certificate_file = settings.certificate_file;
  nats.key_file = settings.key_file;
  nats.insecure = settings.insecure;
  nats.bucket = broker::concat({"darter_", settings.name});
  nats.replicas = settings.replicas;
  // Shards stop before it is full: ClusterPort::full_bytes. The rest is for messages with QoS 1 and
  // 2 that were on their way between shards by then.
  nats.pending_bytes_max = 8 * ClusterPort::full_bytes;
  return options;
}

}  // namespace server
