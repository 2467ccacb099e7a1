#include <array>
#include <cstdint>
#include <string>

#include "conf/cluster_settings.h"
#include "conf/cluster_urls.h"
#include "conf/option_rows.h"

namespace conf {
namespace {

void cluster_url(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.cluster.urls.clear();
  for (const std::string_view url : cluster_urls(std::get<std::string>(value))) {
    settings.cluster.urls.emplace_back(url);
  }
}

template <auto Member>
void to_cluster(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.cluster.*Member, value);
}

constexpr auto cluster_rows = std::to_array<Option>({
    {.name = "cluster_url",
     .last_counts = true,
     .example = "nats://a.example:4222,nats://b.example:4222,nats://c.example:4222",
     .reloadable = false,
     .help = "NATS servers that the nodes of a cluster share, separated by commas: "
             "nats://HOST:PORT, or tls://HOST:PORT for TLS. This broker is a node of that cluster "
             "then: a message that is published here reaches the subscribers of all nodes. The "
             "servers need JetStream.",
     .apply = cluster_url},
    {.name = "cluster_name",
     .default_text = "darter",
     .example = "plant-7",
     .reloadable = false,
     .help = "Name of the cluster: brokers with the same one, on the same NATS servers, are its "
             "nodes. 1 to 64 letters, digits, '-' and '_'.",
     .apply = to_cluster<&ClusterSettings::name>},
    {.name = "cluster_node",
     .example = "broker-1",
     .reloadable = false,
     .help = "Name of this node, another one for each; default: the host name. 1 to 64 letters, "
             "digits, '-' and '_'.",
     .apply = to_cluster<&ClusterSettings::node>},
    {.name = "cluster_replicas",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 5,
     .default_text = "3",
     .example = "1",
     .units = "NATS servers",
     .reloadable = false,
     .help = "Servers that keep each record of the cluster; no more than there are. With 3 the "
             "cluster goes on when one of three has failed.",
     .apply = to_cluster<&ClusterSettings::replicas>},
    {.name = "cluster_username",
     .example = "darter",
     .reloadable = false,
     .help = "User name at the NATS servers.",
     .apply = to_cluster<&ClusterSettings::username>},
    {.name = "cluster_password",
     .example = "secret",
     .reloadable = false,
     .help = "Password of cluster_username.",
     .apply = to_cluster<&ClusterSettings::password>},
    {.name = "cluster_credentials",
     .example = "/etc/darter/nats.creds",
     .reloadable = false,
     .help = "File with the JWT and the seed of a NATS user, in place of a password.",
     .apply = to_cluster<&ClusterSettings::credentials_file>},
    {.name = "cluster_cafile",
     .example = "/etc/darter/nats-ca.pem",
     .reloadable = false,
     .help = "CA certificates that the NATS servers' certificates are checked with; default: the "
             "system's.",
     .apply = to_cluster<&ClusterSettings::ca_file>},
    {.name = "cluster_certfile",
     .example = "/etc/darter/nats-client.pem",
     .reloadable = false,
     .help = "Certificate of this broker for the NATS servers; needs cluster_keyfile.",
     .apply = to_cluster<&ClusterSettings::certificate_file>},
    {.name = "cluster_keyfile",
     .example = "/etc/darter/nats-client.key",
     .reloadable = false,
     .help = "Private key of cluster_certfile.",
     .apply = to_cluster<&ClusterSettings::key_file>},
    {.name = "cluster_insecure",
     .type = Type::flag,
     .default_text = "false",
     .example = "true",
     .reloadable = false,
     .help = "Do not check the certificates of the NATS servers.",
     .apply = to_cluster<&ClusterSettings::insecure>},
});

}  // namespace

std::span<const Option> cluster_option_rows() { return cluster_rows; }

}  // namespace conf
