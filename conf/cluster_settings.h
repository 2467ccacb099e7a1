#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conf {

/// How this broker is a node of a cluster, and reaches the NATS servers that its nodes share.
///
/// Shape      Without `urls` there is no cluster.
struct ClusterSettings {
  std::vector<std::string> urls;  ///< cluster_url: nats://HOST:PORT or tls://HOST:PORT
  std::string name = "darter";    ///< cluster_name: is_cluster_name()
  std::string node;               ///< cluster_node: the same; empty: from the host name
  std::uint8_t replicas = 3;      ///< cluster_replicas: 1 to 5
  std::string username;           ///< cluster_username; empty: none
  std::string password;           ///< cluster_password
  std::string credentials_file;   ///< cluster_credentials; empty: none
  std::string ca_file;            ///< cluster_cafile; empty: the system's
  std::string certificate_file;   ///< cluster_certfile; empty: none
  std::string key_file;           ///< cluster_keyfile; empty: none
  bool insecure = false;          ///< cluster_insecure: certificates are not checked

  bool operator==(const ClusterSettings&) const = default;
};

/// Longest name of a cluster or a node: both stand in subjects and keys of NATS.
inline constexpr std::size_t cluster_name_bytes_max = 64;

/// Whether a text may name a cluster or a node: 1 to 64 letters of ASCII, digits, '-' and '_'.
[[nodiscard]] bool is_cluster_name(std::string_view text) noexcept;

/// A host name as the name of a node: other letters become '_'.
[[nodiscard]] std::string node_name_of(std::string_view host_name);

}  // namespace conf
