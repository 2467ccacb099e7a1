#include "conf/cluster_checks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "conf/cluster_settings.h"
#include "conf/cluster_urls.h"
#include "conf/diagnostic.h"

namespace conf {
namespace {

/// The options of the cluster.
class ClusterCheck {
 public:
  ClusterCheck(const Source& source, Diagnostics& found)
      : globals_(source.globals), found_(found) {}

  void run();

 private:
  [[nodiscard]] const Entry* find(std::string_view name) const {
    return find_entry(globals_, name);
  }
  void say(Severity severity, const Entry& entry, std::string text) {
    found_.push_back({.severity = severity,
                      .file = entry.place.file,
                      .line = entry.place.line,
                      .text = std::move(text)});
  }
  void no_effect();
  void urls();
  void names();
  void pair(std::string_view name, std::string_view other);
  void one_login();
  void secrecy();

  const std::vector<Entry>& globals_;
  Diagnostics& found_;
  bool tls_ = false;  // of any server
};

void ClusterCheck::run() {
  if (find("cluster_url") == nullptr) return no_effect();
  urls();
  names();
  pair("cluster_certfile", "cluster_keyfile");
  pair("cluster_keyfile", "cluster_certfile");
  pair("cluster_username", "cluster_password");
  pair("cluster_password", "cluster_username");
  one_login();
  secrecy();
}

void ClusterCheck::no_effect() {
  for (const Entry& entry : globals_) {
    if (!entry.option->name.starts_with("cluster_")) continue;
    say(Severity::warning, entry,
        quoted(entry.option->name) + " has no effect without 'cluster_url'");
  }
}

void ClusterCheck::urls() {
  const Entry& entry = *find("cluster_url");
  const auto urls = cluster_urls(std::get<std::string>(entry.value));
  if (urls.empty()) say(Severity::error, entry, "'cluster_url' names no server");
  for (const std::string_view url : urls) {
    tls_ = tls_ || url.starts_with("tls://");
    if (is_cluster_url(url)) continue;
    const bool has_user = url.find('@') != std::string_view::npos;
    say(Severity::error, entry,
        quoted(url) + " is no address of a NATS server: it has to be nats://HOST:PORT or " +
            "tls://HOST:PORT" +
            (has_user ? "; the user stands in cluster_username and cluster_password" : ""));
  }
}

void ClusterCheck::names() {
  for (const std::string_view name : {"cluster_name", "cluster_node"}) {
    const Entry* const entry = find(name);
    if (entry == nullptr || is_cluster_name(std::get<std::string>(entry->value))) continue;
    say(Severity::error, *entry,
        quoted(name) + " has to be 1 to 64 letters, digits, '-' and '_', for instance " +
            quoted(node_name_of(std::get<std::string>(entry->value))));
  }
}

void ClusterCheck::pair(std::string_view name, std::string_view other) {
  const Entry* const entry = find(name);
  if (entry == nullptr || find(other) != nullptr) return;
  say(Severity::error, *entry, quoted(name) + " needs " + quoted(other));
}

void ClusterCheck::one_login() {
  const Entry* const user = find("cluster_username");
  if (user == nullptr || find("cluster_credentials") == nullptr) return;
  say(Severity::warning, *user, "'cluster_username' has no effect beside 'cluster_credentials'");
}

void ClusterCheck::secrecy() {
  const Entry* const insecure = find("cluster_insecure");
  if (tls_ && insecure != nullptr && std::get<bool>(insecure->value)) {
    say(Severity::warning, *insecure,
        "This broker does not check the certificates of the NATS servers: others can take their "
        "place");
  }
  if (tls_) return;
  for (const std::string_view name : {"cluster_cafile", "cluster_certfile", "cluster_insecure"}) {
    if (const Entry* const entry = find(name)) {
      say(Severity::warning, *entry,
          quoted(name) + " has no effect: no server of 'cluster_url' begins with tls://");
    }
  }
}

}  // namespace

Diagnostics check_cluster(const Source& source) {
  Diagnostics found;
  ClusterCheck(source, found).run();
  return found;
}

}  // namespace conf
