#include "broker/server/explain_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "broker/core/events.h"
#include "broker/core/text.h"
#include "conf/nearest.h"
#include "conf/prose.h"

namespace server {
namespace {

using broker::concat;
using broker::EventEffect;
using broker::EventText;
using Json = nlohmann::ordered_json;

Json json_of(const EventText& text) {
  return {{"event", text.name},
          {"effect", text.effect == EventEffect::none ? Json() : Json(name_of(text.effect))},
          {"meaning", text.meaning},
          {"action", text.action}};
}

std::string page_of(const EventText& text) {
  const std::string_view effect = name_of(text.effect);
  return concat({text.name, effect.empty() ? "" : " (", effect, effect.empty() ? "" : ")", "\n",
                 conf::folded(text.meaning, "  "), conf::folded(text.action, "  ")});
}

std::string list_of_all(bool json) {
  if (json) {
    Json all = Json::array();
    for (const EventText& each : broker::event_texts()) all.push_back(json_of(each));
    return all.dump(2) + "\n";
  }
  std::size_t width = 0;
  for (const EventText& each : broker::event_texts()) width = std::max(width, each.name.size());
  std::string list;
  for (const EventText& each : broker::event_texts()) {
    const std::string room(width - each.name.size() + 2, ' ');
    list += concat({each.name, room, each.meaning, "\n"});
  }
  return list;
}

std::string unknown_event(std::string_view name) {
  std::vector<std::string_view> names;
  for (const EventText& each : broker::event_texts()) names.push_back(each.name);
  const std::string_view right = conf::nearest(name, names);
  return concat({"No event is named '", broker::cut(name), "'; ",
                 right.empty() ? "'darter explain' lists all." : "did you mean '", right,
                 right.empty() ? "" : "'?"});
}

}  // namespace

std::expected<std::string, std::string> explain(const conf::ExplainLine& line) {
  if (line.event.empty()) return list_of_all(line.json);
  const auto event = broker::event_of(line.event);
  if (!event) return std::unexpected(unknown_event(line.event));
  const EventText& text = broker::text_of(*event);
  return line.json ? json_of(text).dump(2) + "\n" : page_of(text);
}

}  // namespace server
