#include "broker/server/doctor/proxies.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace doctor {
namespace {

using conf::NginxDirective;

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

/// "[::1]:9001", "127.0.0.1:9001", "localhost" or "unix:/path" as a target.
Target target_of(std::string_view text, std::uint16_t default_port, const conf::Place& place) {
  Target target{.host = {}, .port = default_port, .path = {}, .place = place};
  if (text.starts_with("unix:")) {
    target.port = 0;
    target.path = without_prefix(text, "unix:");
    return target;
  }
  const auto bracket = text.find(']');
  const auto colon = text.find(':', bracket == text.npos ? 0 : bracket);
  target.host = text.substr(0, colon);
  if (colon != text.npos) {
    if (const auto port = parse_count(text.substr(colon + 1)); port && *port <= 65535) {
      target.port = static_cast<std::uint16_t>(*port);
    }
  }
  if (target.host.starts_with('[') && target.host.ends_with(']')) {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  return target;
}

class ProxyFinder {
 public:
  void http(const Scope& scope, const Scope::Directives& directives);
  void stream(const Scope& scope, const Scope::Directives& directives);
  [[nodiscard]] std::vector<Proxy> take() && { return std::move(found_); }

 private:
  void http_block(const Scope& scope, const Scope::Directives& directives,
                  const NginxDirective& server, const NginxDirective* location);
  void add(Proxy proxy, std::string_view to);
  void resolve(Proxy& proxy, std::string_view to, std::uint16_t default_port);

  Scope::Directives none_;
  std::vector<const NginxDirective*> upstreams_;
  std::vector<Proxy> found_;
};

std::vector<const NginxDirective*> upstreams_in(const Scope::Directives& directives) {
  std::vector<const NginxDirective*> upstreams;
  for (const NginxDirective& each : directives) {
    if (each.name == "upstream" && each.has_block && !each.words.empty())
      upstreams.push_back(&each);
  }
  return upstreams;
}

void ProxyFinder::http(const Scope& scope, const Scope::Directives& directives) {
  upstreams_ = upstreams_in(directives);
  for (const NginxDirective& each : directives) {
    if (each.name == "server" && each.has_block) {
      http_block(scope.within(each.block), each.block, each, nullptr);
    }
  }
}

/// Locations, one in the other, and the blocks of if and limit_except in them.
void ProxyFinder::http_block(const Scope& scope, const Scope::Directives& directives,
                             const NginxDirective& server, const NginxDirective* location) {
  for (const NginxDirective& each : directives) {
    if (each.has_block) {
      const bool inner = each.name == "location";
      if (!inner && each.name != "if" && each.name != "limit_except") continue;
      http_block(scope.within(each.block), each.block, server, inner ? &each : location);
    } else if (each.name == "proxy_pass" && !each.words.empty()) {
      add({.pass = &each,
           .location = location,
           .server = &server,
           .scope = scope,
           .is_stream = false,
           .tls = each.words.front().starts_with("https://"),
           .is_variable = false,
           .upstream = {},
           .uri = {},
           .targets = {}},
          each.words.front());
    }
  }
}

void ProxyFinder::stream(const Scope& scope, const Scope::Directives& directives) {
  upstreams_ = upstreams_in(directives);
  for (const NginxDirective& server : directives) {
    if (server.name != "server" || !server.has_block) continue;
    const Scope inner = scope.within(server.block);
    for (const NginxDirective& each : server.block) {
      if (each.name != "proxy_pass" || each.words.empty()) continue;
      const NginxDirective* const ssl = inner.find("proxy_ssl");
      add({.pass = &each,
           .location = nullptr,
           .server = &server,
           .scope = inner,
           .is_stream = true,
           .tls = ssl != nullptr && !ssl->words.empty() && ssl->words.front() == "on",
           .is_variable = false,
           .upstream = {},
           .uri = {},
           .targets = {}},
          each.words.front());
    }
  }
}

void ProxyFinder::add(Proxy proxy, std::string_view to) {
  if (to.find('$') != to.npos) {
    proxy.is_variable = true;
  } else if (proxy.is_stream) {
    resolve(proxy, to, 0);
  } else {
    const std::uint16_t default_port = proxy.tls ? 443 : 80;
    std::string_view rest = without_prefix(without_prefix(to, "https://"), "http://");
    // The path of a unix socket ends at a colon.
    const auto from = rest.starts_with("unix:") ? rest.find(':', 5) : rest.find('/');
    if (from != rest.npos) {
      const std::string_view uri = rest.substr(rest[from] == ':' ? from + 1 : from);
      if (!uri.empty()) proxy.uri = uri;
      rest = rest.substr(0, from);
    }
    resolve(proxy, rest, default_port);
  }
  found_.push_back(std::move(proxy));
}

void ProxyFinder::resolve(Proxy& proxy, std::string_view to, std::uint16_t default_port) {
  const auto upstream = std::ranges::find_if(
      upstreams_, [&](const NginxDirective* each) { return each->words.front() == to; });
  if (upstream == upstreams_.end()) {
    proxy.targets.push_back(target_of(to, default_port, proxy.pass->place));
    return;
  }
  proxy.upstream = to;
  for (const NginxDirective& each : (*upstream)->block) {
    if (each.name != "server" || each.words.empty()) continue;
    proxy.targets.push_back(target_of(each.words.front(), 80, each.place));
  }
}

std::vector<const NginxDirective*> blocks_named(const conf::NginxConfiguration& configuration,
                                                std::string_view name) {
  std::vector<const NginxDirective*> blocks;
  for (const NginxDirective& each : configuration.directives) {
    if (each.name == name && each.has_block) blocks.push_back(&each);
  }
  return blocks;
}

}  // namespace

const NginxDirective* Scope::find(std::string_view name) const {
  const auto all = list(name);
  return all.empty() ? nullptr : all.back();
}

std::vector<const NginxDirective*> Scope::list(std::string_view name) const {
  std::vector<const NginxDirective*> found;
  for (auto block = blocks_.rbegin(); block != blocks_.rend() && found.empty(); ++block) {
    for (const NginxDirective& each : **block) {
      if (each.name == name) found.push_back(&each);
    }
  }
  return found;
}

std::vector<const NginxDirective*> Scope::everywhere(std::string_view name) const {
  std::vector<const NginxDirective*> found;
  for (const Directives* block : blocks_) {
    for (const NginxDirective& each : *block) {
      if (each.name == name) found.push_back(&each);
    }
  }
  return found;
}

std::string Target::text() const {
  if (!path.empty()) return "unix:" + path;
  const bool ipv6 = host.find(':') != host.npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_whole(const conf::NginxConfiguration& configuration) {
  return !blocks_named(configuration, "http").empty() ||
         !blocks_named(configuration, "events").empty();
}

std::vector<Scope> http_scopes(const conf::NginxConfiguration& configuration) {
  const Scope outermost(configuration.directives);
  std::vector<Scope> scopes;
  for (const NginxDirective* each : blocks_named(configuration, "http")) {
    scopes.push_back(outermost.within(each->block));
  }
  if (!is_whole(configuration)) scopes.push_back(outermost);
  return scopes;
}

std::vector<Proxy> proxies_of(const conf::NginxConfiguration& configuration) {
  const Scope outermost(configuration.directives);
  ProxyFinder finder;
  for (const NginxDirective* each : blocks_named(configuration, "http")) {
    finder.http(outermost.within(each->block), each->block);
  }
  for (const NginxDirective* each : blocks_named(configuration, "stream")) {
    finder.stream(outermost.within(each->block), each->block);
  }
  if (!is_whole(configuration)) finder.http(outermost, configuration.directives);
  return std::move(finder).take();
}

std::optional<std::uint64_t> parse_count(std::string_view word) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (code != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_size(std::string_view word) {
  std::uint64_t unit = 1;
  if (!word.empty()) {
    switch (word.back()) {
      case 'k':
      case 'K':
        unit = 1024;
        break;
      case 'm':
      case 'M':
        unit = std::uint64_t{1024} * 1024;
        break;
      default:
        break;
    }
  }
  if (unit != 1) word.remove_suffix(1);
  const auto number = parse_count(word);
  constexpr std::uint64_t most = std::uint64_t{1} << 40U;
  if (!number || *number > most) return std::nullopt;
  return *number * unit;
}

namespace {

/// Milliseconds of a unit; 0: there is no such unit.
std::int64_t milliseconds_of(std::string_view unit) {
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"ms", 1},          {"s", 1000},          {"", 1000},
      {"m", 60'000},      {"h", 3'600'000},     {"d", 86'400'000},
      {"w", 604'800'000}, {"M", 2'592'000'000}, {"y", 31'536'000'000}};
  const auto* const found =
      std::ranges::find_if(units, [&](const auto& each) { return each.first == unit; });
  return found == std::end(units) ? 0 : found->second;
}

}  // namespace

std::optional<std::int64_t> parse_time(const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  std::int64_t milliseconds = 0;
  for (const std::string& word : words) {
    std::string_view rest = word;
    while (!rest.empty()) {
      const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
      const auto number = parse_count(rest.substr(0, digits));
      rest.remove_prefix(digits);
      const auto letters = std::min(rest.find_first_of("0123456789 "), rest.size());
      const std::int64_t unit = milliseconds_of(rest.substr(0, letters));
      rest.remove_prefix(letters);
      while (rest.starts_with(' ')) rest.remove_prefix(1);
      constexpr std::uint64_t most = 1'000'000'000;
      if (!number || *number > most || unit == 0) return std::nullopt;
      milliseconds += static_cast<std::int64_t>(*number) * unit;
    }
  }
  return milliseconds / 1000;
}

}  // namespace doctor
