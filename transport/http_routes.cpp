#include "transport/http_routes.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace transport {

namespace {

bool fits(std::string_view prefix, std::string_view path) noexcept {
  if (!path.starts_with(prefix)) return false;
  return prefix.empty() || prefix.ends_with('/') || path.size() == prefix.size() ||
         path[prefix.size()] == '/';
}

}  // namespace

HttpRoutes::HttpRoutes(std::vector<Route> routes) : routes_(std::move(routes)) {
  assert(std::ranges::all_of(routes_, [](const Route& each) { return each.handler != nullptr; }));
  std::ranges::stable_sort(routes_, std::ranges::greater{},
                           [](const Route& each) { return each.prefix.size(); });
}

std::size_t HttpRoutes::body_bytes_max(std::string_view path) const noexcept {
  const auto first =
      std::ranges::find_if(routes_, [&](const Route& each) { return fits(each.prefix, path); });
  return first == routes_.end() ? 0 : first->body_bytes_max;
}

HttpAnswer HttpRoutes::answer(HttpCall& call, const HttpReply& reply) const {
  HttpDeclined all;
  for (const Route& route : routes_) {
    if (!fits(route.prefix, call.request.path())) continue;
    HttpAnswer answer = route.handler(call, reply);
    auto* const declined = std::get_if<HttpDeclined>(&answer);
    if (declined == nullptr) return answer;
    if (!all.otherwise) all.otherwise = std::move(declined->otherwise);
  }
  if (all.otherwise) return std::move(*all.otherwise);
  return HttpDeclined{};
}

}  // namespace transport
