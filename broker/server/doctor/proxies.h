// broker/server/doctor/proxies.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/nginx_reader.h"

namespace doctor {

/// A directive with the blocks around it: the places where nginx looks up the options of a request.
///
/// Shape      blocks: from the outermost to the block itself; each is a list of directives.
/// Lifetime   Points into the NginxConfiguration.
class Scope {
 public:
  using Directives = std::vector<conf::NginxDirective>;

  explicit Scope(const Directives& outermost) : blocks_{&outermost} {}
  [[nodiscard]] Scope within(const Directives& block) const {
    Scope inner = *this;
    inner.blocks_.push_back(&block);
    return inner;
  }

  /// The directive that holds here: the last of the innermost block that has one. Null: none.
  [[nodiscard]] const conf::NginxDirective* find(std::string_view name) const;
  /// All of the innermost block that has any, as nginx inherits lists such as proxy_set_header: one
  /// of a block's own puts those of outer blocks out of force.
  [[nodiscard]] std::vector<const conf::NginxDirective*> list(std::string_view name) const;
  /// Those of all blocks, the outermost first.
  [[nodiscard]] std::vector<const conf::NginxDirective*> everywhere(std::string_view name) const;

 private:
  std::vector<const Directives*> blocks_;
};

/// The place to which nginx forwards connections.
///
/// Shape      path: a unix socket; else host and port.
struct Target {
  std::string host;
  std::uint16_t port = 0;
  std::string path;
  conf::Place place;  // of the server line of an upstream, or of proxy_pass

  /// "127.0.0.1:9001" or "unix:/run/mqtt.sock"
  [[nodiscard]] std::string text() const;
};

/// A proxy_pass.
struct Proxy {
  const conf::NginxDirective* pass = nullptr;
  const conf::NginxDirective* location = nullptr;  // null in a stream server
  const conf::NginxDirective* server = nullptr;
  Scope scope;
  bool is_stream = false;
  bool tls = false;                // https://, or proxy_ssl on
  bool is_variable = false;        // the target is decided for each request
  std::string upstream;            // its name; empty: none
  std::optional<std::string> uri;  // of the proxy_pass: takes the place of the location's path
  std::vector<Target> targets;
};

/// Every proxy_pass of an nginx configuration, with upstreams in place of their names.
///
/// Requires  A whole nginx.conf, or a part of its http{}: a file of sites-enabled.
/// Lifetime   Points into `configuration`.
[[nodiscard]] std::vector<Proxy> proxies_of(const conf::NginxConfiguration& configuration);

/// The http{} blocks, or the whole where there are none: it is a part of one.
[[nodiscard]] std::vector<Scope> http_scopes(const conf::NginxConfiguration& configuration);

/// Has it an http{} or events{} block, so that it is an nginx.conf and no part of one?
[[nodiscard]] bool is_whole(const conf::NginxConfiguration& configuration);

/// "90", "90s", "1h 30m", "500ms" in seconds, rounded down. None: no time.
[[nodiscard]] std::optional<std::int64_t> parse_time(const std::vector<std::string>& words);

/// "8k", "1m" or "4096" in bytes. None: no size.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view word);

/// A whole number of nothing but digits. None: it is not one.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view word);

}  // namespace doctor
