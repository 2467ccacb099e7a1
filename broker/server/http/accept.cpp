#include "broker/server/http/accept.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace server {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// "0.75" in thousandths; 1000 if it is no weight.
int weight_of(std::string_view text) {
  constexpr int whole = 1000;
  if (!text.starts_with('0')) return whole;
  int weight = 0;
  int place = whole;
  for (const char digit : text.substr(text.size() > 1 && text[1] == '.' ? 2 : 1)) {
    if (digit < '0' || digit > '9') return whole;
    place /= 10;
    weight += (digit - '0') * place;
  }
  return weight;
}

/// The weight of an element of Accept: of its parameter q.
int weight_in(std::string_view element) {
  for (std::size_t end = element.find(';'); end != std::string_view::npos;) {
    element.remove_prefix(end + 1);
    end = element.find(';');
    const std::string_view parameter = trimmed(element.substr(0, end));
    if (parameter.starts_with("q=") || parameter.starts_with("Q=")) {
      return weight_of(parameter.substr(2));
    }
  }
  return weight_of({});
}

}  // namespace

ExpositionForm form_wanted(const transport::HttpFields& request) {
  int openmetrics = 0;
  int plain = 0;
  for (const std::string_view element : request.list("accept")) {
    const std::string_view type = trimmed(element.substr(0, element.find(';')));
    if (transport::equal_any_case(type, "application/openmetrics-text")) {
      openmetrics = std::max(openmetrics, weight_in(element));
    } else if (transport::equal_any_case(type, "text/plain")) {
      plain = std::max(plain, weight_in(element));
    }
  }
  return openmetrics > 0 && openmetrics >= plain ? ExpositionForm::openmetrics
                                                 : ExpositionForm::prometheus;
}

}  // namespace server
