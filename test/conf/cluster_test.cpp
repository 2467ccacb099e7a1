#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/cluster_settings.h"
#include "conf/cluster_urls.h"
#include "conf/load.h"
#include "test/conf/configuration.h"

namespace {

/// The findings of a mosquitto.conf, one a line.
std::string findings(const std::string& text) {
  const auto loaded = conf::load_text(text, "test.conf");
  const conf::Diagnostics& found = loaded ? loaded->remarks : loaded.error();
  std::string all = loaded ? "" : "refused\n";
  for (const conf::Diagnostic& each : found) all += each.text + "\n";
  return all;
}

}  // namespace

TEST_CASE("a configuration without cluster_url has no cluster", "[cluster]") {
  const auto settings = conf::load_text("listener 1883\n", "test.conf");
  REQUIRE(settings);
  CHECK(settings->cluster.urls.empty());
  CHECK(settings->cluster == conf::ClusterSettings{});
}

TEST_CASE("the options of a cluster are read from both forms", "[cluster]") {
  const std::string mosquitto =
      "cluster_url nats://a:4222, tls://b,nats://[::1]:4223\n"
      "cluster_name plant-7\ncluster_node one\ncluster_replicas 5\ncluster_username u\n"
      "cluster_password p\ncluster_cafile /ca\ncluster_certfile /c\ncluster_keyfile /k\n";
  const std::string toml =
      "cluster_url = \"nats://a:4222, tls://b,nats://[::1]:4223\"\n"
      "cluster_name = \"plant-7\"\ncluster_node = \"one\"\ncluster_replicas = 5\n"
      "cluster_username = \"u\"\ncluster_password = \"p\"\ncluster_cafile = \"/ca\"\n"
      "cluster_certfile = \"/c\"\ncluster_keyfile = \"/k\"\n";
  for (const auto& [text, file] : {std::pair(mosquitto, "a.conf"), std::pair(toml, "a.toml")}) {
    const auto settings = conf::load_text(text, file);
    REQUIRE(settings);
    const conf::ClusterSettings& cluster = settings->cluster;
    CHECK(cluster.urls ==
          std::vector<std::string>{"nats://a:4222", "tls://b", "nats://[::1]:4223"});
    CHECK(cluster.name == "plant-7");
    CHECK(cluster.node == "one");
    CHECK(cluster.replicas == 5);
    CHECK(cluster.username == "u");
    CHECK(cluster.password == "p");
    CHECK(cluster.ca_file == "/ca");
    CHECK(cluster.certificate_file == "/c");
    CHECK(cluster.key_file == "/k");
    CHECK_FALSE(cluster.insecure);
  }
}

TEST_CASE("an address of another form is refused", "[cluster]") {
  const auto [url, good] = GENERATE(table<std::string, bool>({
      {"nats://a", true},
      {"nats://a.b-c_d:1", true},
      {"tls://127.0.0.1:65535", true},
      {"nats://[::1]", true},
      {"nats://", false},
      {"nats://:4222", false},
      {"nats://a:", false},
      {"nats://a:0", false},
      {"nats://a:65536", false},
      {"nats://a:42x", false},
      {"nats://a/b", false},
      {"nats://u:p@a", false},
      {"nats://[]:1", false},
      {"nats://[::1]1", false},
      {"mqtt://a", false},
      {"a:4222", false},
  }));
  CAPTURE(url);
  CHECK(conf::is_cluster_url(url) == good);
  CHECK(findings("cluster_url " + url + "\n").starts_with("refused") == !good);
}

TEST_CASE("findings of a cluster say the way out", "[cluster]") {
  const std::string url = "cluster_url nats://a\n";
  const auto [text, finding] = GENERATE_COPY(table<std::string, std::string>({
      {"cluster_node a\n", "'cluster_node' has no effect without 'cluster_url'\n"},
      {"cluster_url nats://u:p@a\n", "cluster_username and cluster_password"},
      {"cluster_url ,\n", "'cluster_url' names no server\n"},
      {url + "cluster_node a.b\n", "for instance 'a_b'\n"},
      {url + "cluster_certfile /c\n", "'cluster_certfile' needs 'cluster_keyfile'\n"},
      {url + "cluster_password p\n", "'cluster_password' needs 'cluster_username'\n"},
      {url + "cluster_credentials /c\ncluster_username u\ncluster_password p\n",
       "'cluster_username' has no effect beside 'cluster_credentials'"},
      {url + "cluster_insecure true\n", "no server of 'cluster_url' begins with tls://\n"},
      {"cluster_url tls://a\ncluster_insecure true\n", "others can take their place\n"},
  }));
  CAPTURE(text);
  CHECK(findings(text).find(finding) != std::string::npos);
}

TEST_CASE("a host name becomes the name of a node", "[cluster]") {
  CHECK(conf::node_name_of("broker-1.example.org") == "broker-1_example_org");
  CHECK(conf::node_name_of("") == "darter");
  CHECK(conf::node_name_of(std::string(100, 'x')).size() == conf::cluster_name_bytes_max);
  CHECK(conf::is_cluster_name(conf::node_name_of("\xC3\xA4 b")));
  CHECK_FALSE(conf::is_cluster_name(""));
  CHECK_FALSE(conf::is_cluster_name(std::string(65, 'x')));
}
