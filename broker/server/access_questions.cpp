#include "broker/server/access_questions.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/access.h"
#include "broker/core/text.h"
#include "broker/wire/topic.h"
#include "transport/loops.h"

namespace server {
namespace {

using ask::Json;
using broker::Access;
using broker::concat;

constexpr std::size_t bans_of_page = 1'000;

constexpr auto access_names = std::to_array<std::pair<std::string_view, Access>>(
    {{"publish", Access::publish}, {"subscribe", Access::subscribe}, {"receive", Access::receive}});

std::optional<Access> access_of(std::string_view name) {
  const auto* const found =
      std::ranges::find(access_names, name, &std::pair<std::string_view, Access>::first);
  if (found == access_names.end()) return std::nullopt;
  return found->second;
}

/// The decision of a listener's rules, in the order of the broker's checks.
Json decision(Access access, std::string_view topic, const broker::Permissions* permissions,
              const broker::Identity& who) {
  if (access == Access::publish && mqtt::is_reserved(topic)) {
    return {{"allowed", false}, {"decided", "clients may not publish there"}};
  }
  if (permissions == nullptr) {
    return {{"allowed", true}, {"decided", "there is no acl_file"}};
  }
  return {{"allowed", permissions->allows(access, topic, who)},
          {"decided", permissions->decided_by(access, topic, who)}};
}

/// The sentence about a topic that does not fit the access; empty: it does.
std::string fault_of(Access access, std::string_view topic) {
  if (access == Access::subscribe) {
    if (mqtt::check_topic_filter(topic)) return {};
    return concat({"'", broker::cut(topic), "' is no topic filter."});
  }
  if (mqtt::check_topic_name(topic)) return {};
  return concat({"'", broker::cut(topic), "' is no topic name: it may have no wildcards."});
}

}  // namespace

AccessQuestions::Result AccessQuestions::bans(const ask::Question& question) {
  if (question.has("lift")) return lift(std::string(question.value("lift")));
  const auto limit = question.number("limit", bans_of_page, bans_of_page * 10);
  if (!limit) return std::unexpected(limit.error());
  const auto cursor = ask::cursor_of(question.value("after"));
  if (!cursor) return std::unexpected(cursor.error());
  const auto all = loops_.bans();
  const std::int64_t now_milliseconds = transport::Loops::now().milliseconds;
  const std::size_t end = std::min(all.size(), cursor->place + std::min(*limit, bans_of_page));
  Json rows = Json::array();
  for (std::size_t place = cursor->place; place < end; ++place) {
    rows.push_back({{"address", all[place].prefix.text()},
                    {"seconds_left", (all[place].until.milliseconds - now_milliseconds) / 1000}});
  }
  Json next = end < all.size() ? Json(ask::text_of({0, end})) : Json();
  return Json{{"bans", std::move(rows)}, {"next", std::move(next)}};
}

AccessQuestions::Result AccessQuestions::lift(const std::string& address) {
  const auto single = transport::PeerAddress::parse(address);
  const std::size_t lifted = loops_.lift_bans([&](const transport::AddressPrefix& prefix) {
    return (single && prefix.contains(*single)) || prefix.text() == address;
  });
  if (lifted == 0) {
    return std::unexpected(
        concat({"No ban holds for '", broker::cut(address), "'. 'darter bans' lists them."}));
  }
  log_.write_event(broker::LogType::notice,
                   {.event = broker::Event::ban_lifted, .address = address},
                   concat({"The ban of ", address, " is lifted by an administrator."}));
  return Json{{"lifted", address}};
}

AccessQuestions::Result AccessQuestions::acl(const ask::Question& question) const {
  const auto access = access_of(question.value("do"));
  if (!access) return std::unexpected("Access is publish, subscribe or receive.");
  const std::string_view topic = question.value("of");
  if (std::string fault = fault_of(*access, topic); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  const std::string_view user = question.value("user");
  const broker::Identity who{question.value("client"), question.value("address")};
  const std::string_view wanted = question.value("listener");
  Json answers = Json::array();
  for (const auto& listener : listeners_.listeners()) {
    const transport::ListenerOptions& options = listener->options();
    if (options.protocol == transport::Protocol::http) continue;  // no client comes there
    if (!wanted.empty() && wanted != name_of(options) && wanted != std::to_string(options.port)) {
      continue;
    }
    const auto permissions = login_service_.permissions_of(options.index, user);
    Json answer{{"listener", name_of(options)}};
    answer.update(decision(*access, topic, permissions.get(), who));
    answers.push_back(std::move(answer));
  }
  if (answers.empty()) {
    return std::unexpected(concat({"No listener '", broker::cut(wanted), "' is open."}));
  }
  return Json{{"do", question.value("do")},
              {"topic", topic},
              {"user", user},
              {"client_id", who.client_id},
              {"answers", std::move(answers)}};
}

}  // namespace server
