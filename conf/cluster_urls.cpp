#include "conf/cluster_urls.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "conf/cluster_settings.h"

namespace conf {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && port != 0;
}

constexpr bool is_plain(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
}

}  // namespace

std::vector<std::string_view> cluster_urls(std::string_view value) {
  constexpr std::string_view separators = ", \t";
  std::vector<std::string_view> urls;
  while (true) {
    value.remove_prefix(std::min(value.find_first_not_of(separators), value.size()));
    if (value.empty()) return urls;
    urls.push_back(value.substr(0, value.find_first_of(separators)));
    value.remove_prefix(urls.back().size());
  }
}

bool is_cluster_url(std::string_view url) {
  for (const std::string_view scheme : {"nats://", "tls://"}) {
    if (!url.starts_with(scheme)) continue;
    std::string_view rest = url.substr(scheme.size());
    if (rest.starts_with('[')) {  // an IPv6 address
      const std::size_t end = rest.find(']');
      if (end == std::string_view::npos || end == 1) return false;
      rest.remove_prefix(end + 1);
      return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    }
    const std::string_view host = rest.substr(0, rest.find(':'));
    if (host.empty() ||
        !std::ranges::all_of(host, [](char letter) { return is_plain(letter) || letter == '.'; })) {
      return false;
    }
    return host.size() == rest.size() || is_port(rest.substr(host.size() + 1));
  }
  return false;
}

bool is_cluster_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= cluster_name_bytes_max &&
         std::ranges::all_of(text, is_plain);
}

std::string node_name_of(std::string_view host_name) {
  std::string name(host_name.substr(0, cluster_name_bytes_max));
  std::ranges::replace_if(name, [](char letter) { return !is_plain(letter); }, '_');
  return name.empty() ? "darter" : name;
}

}  // namespace conf
