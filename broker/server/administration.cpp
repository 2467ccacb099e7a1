#include "broker/server/administration.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "broker/core/retained_walk.h"
#include "broker/core/text.h"
#include "broker/server/ask/retained_rows.h"
#include "broker/server/top_questions.h"
#include "broker/server/trace_questions.h"
#include "broker/shard_admin.h"
#include "broker/wire/topic.h"
#include "conf/command_line.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;

constexpr std::size_t rows_most = 10'000;
constexpr std::size_t rows_of_page = 1'000;
constexpr std::size_t rows_of_order = 20;

std::uint32_t number_of(broker::ShardIndex shard) { return static_cast<std::uint32_t>(shard); }

/// JSON in which bytes that are no UTF-8 are replaced.
std::string dump(const ask::Json& json) {
  return json.dump(-1, ' ', false, ask::Json::error_handler_t::replace) + "\n";
}

std::string missing_client(std::string_view client_id) {
  return concat({"No client '", broker::cut(client_id), "' has a session here."});
}

}  // namespace

ControlAnswer Administration::answer(const ControlQuestion& words) {
  const ask::Question question(words);
  const auto result = [&]() -> Result {
    if (question.name() == "clients") return list_clients(question);
    if (question.name() == "client") return show_client(question);
    if (question.name() == "kick") return disconnect(question);
    if (question.name() == "sessions") return sessions(question);
    if (question.name() == "retained") return retained(question);
    if (question.name() == "bans") return access_.bans(question);
    if (question.name() == "acl") return access_.acl(question);
    if (question.name() == "top") return TopQuestions(loops_).answer(question);
    if (question.name() == "trace") return TraceQuestions(loops_).answer(question);
    return std::unexpected(concat({"This broker does not know '", broker::cut(question.name()),
                                   "': it is another version."}));
  }();
  if (result) return {0, dump(*result)};
  return {static_cast<int>(conf::ExitCode::unusable_listener), dump({{"error", result.error()}})};
}

std::vector<std::string> Administration::listener_names() const {
  std::vector<std::string> names;
  for (const ListenerEntry& entry : listeners_.entries()) {
    const bool is_place = !entry.configured.policy.is_for_bridges;
    names.push_back(is_place ? name_of(entry.configured.options) : "bridges");
  }
  return names;
}

template <typename Order>
bool Administration::on_any_shard(Order&& order) {
  std::atomic<bool> obeyed = false;
  loops_.run_everywhere(
      [&](broker::ShardIndex /*index*/, broker::Shard& shard, broker::Instant now) {
        if (order(shard, now)) obeyed = true;
        return false;
      });
  return obeyed;
}

Administration::Result Administration::list_clients(const ask::Question& question) {
  ask::Selection::Options options;
  options.listeners = listener_names();
  for (const std::string_view text : question.values("filter")) {
    auto filter = ask::client_filter_of(text);
    if (!filter) return std::unexpected(filter.error());
    options.filters.push_back(std::move(*filter));
  }
  if (question.has("sort")) {
    const auto order = ask::client_order_of(question.value("sort"));
    if (!order) return std::unexpected(order.error());
    options.order = *order;
  }
  const auto limit =
      question.number("limit", options.order ? rows_of_order : rows_of_page, rows_most);
  if (!limit) return std::unexpected(limit.error());
  options.rows_max = *limit;
  return options.order ? first_clients(options) : page_of_clients(question, std::move(options));
}

Administration::Result Administration::first_clients(const ask::Selection::Options& options) {
  std::vector<ask::Selection> selections(loops_.count(), ask::Selection(options));
  std::vector<std::size_t> places(loops_.count());
  loops_.run_everywhere([&](broker::ShardIndex index, broker::Shard& shard, broker::Instant now) {
    ask::Selection& selection = selections[number_of(index)];
    return shard.admin().show_clients(
        places[number_of(index)], now,
        [&](const broker::ClientView& client) { return selection.add(client); });
  });
  ask::Selection all(options);
  for (ask::Selection& each : selections) all.add(std::move(each));
  return Json{{"clients", all.take()}, {"next", nullptr}};
}

// One shard after the other: the places of a list stay where they are while clients come and go.
Administration::Result Administration::page_of_clients(const ask::Question& question,
                                                       ask::Selection::Options options) {
  const auto cursor = ask::cursor_of(question.value("after"));
  if (!cursor) return std::unexpected(cursor.error());
  options.rows_max = std::min(options.rows_max, rows_of_page);
  ask::Selection rows(options);
  ask::Cursor at = *cursor;
  while (at.shard < loops_.count()) {
    loops_.run_everywhere([&](broker::ShardIndex index, broker::Shard& shard, broker::Instant now) {
      return number_of(index) == at.shard &&
             shard.admin().show_clients(
                 at.place, now, [&](const broker::ClientView& client) { return rows.add(client); });
    });
    if (rows.size() == options.rows_max) break;
    at = {at.shard + 1, 0};
  }
  const bool more = at.shard < loops_.count();
  Json next = more ? Json(ask::text_of(at)) : Json();
  return Json{{"clients", rows.take()}, {"next", std::move(next)}};
}

Administration::Result Administration::show_client(const ask::Question& question) {
  const std::string_view client_id = question.value("of");
  const std::vector<std::string> names = listener_names();
  Json client;
  Json subscriptions = Json::array();
  const bool found = on_any_shard([&](broker::Shard& shard, broker::Instant now) {
    return shard.admin().show_client(
        client_id, now,
        [&](const broker::ClientView& view) {
          client = ask::json_of(view, names.at(view.listener));
          return true;
        },
        [&](const broker::SubscriptionView& each) {
          if (subscriptions.size() < rows_of_page) subscriptions.push_back(ask::json_of(each));
        });
  });
  if (!found) return std::unexpected(missing_client(client_id));
  client["subscription_list"] = std::move(subscriptions);
  return client;
}

Administration::Result Administration::disconnect(const ask::Question& question) {
  const std::string_view client_id = question.value("of");
  const bool done = on_any_shard([&](broker::Shard& shard, broker::Instant now) {
    return shard.admin().disconnect_client(client_id, now);
  });
  if (!done) {
    return std::unexpected(concat({"No client '", broker::cut(client_id), "' is connected."}));
  }
  return Json{{"disconnected", client_id}};
}

Administration::Result Administration::sessions(const ask::Question& question) {
  if (question.has("forget")) {
    const std::string_view client_id = question.value("forget");
    const bool done = on_any_shard([&](broker::Shard& shard, broker::Instant now) {
      return shard.admin().forget_session(client_id, now);
    });
    if (!done) return std::unexpected(missing_client(client_id));
    return Json{{"forgotten", client_id}};
  }
  ask::Selection::Options options;
  options.listeners = listener_names();
  options.filters.push_back({ask::ClientFilter::Key::connected, "no"});
  const auto limit = question.number("limit", rows_of_page, rows_most);
  if (!limit) return std::unexpected(limit.error());
  options.rows_max = *limit;
  return page_of_clients(question, std::move(options));
}

Administration::Result Administration::retained(const ask::Question& question) {
  const std::string_view filter = question.has("of") ? question.value("of") : "#";
  if (!mqtt::check_topic_filter(filter)) {
    return std::unexpected(concat({"'", broker::cut(filter), "' is no topic filter."}));
  }
  if (question.has("delete")) {
    if (filter.find_first_of("+#") != filter.npos) {
      return std::unexpected(
          std::string("Only one topic at a time is deleted: name it without + and #."));
    }
    bool removed = false;
    loops_.run_everywhere([&](broker::ShardIndex index, broker::Shard& shard, broker::Instant now) {
      if (number_of(index) == 0) removed = shard.admin().remove_retained(filter, now);
      return false;
    });
    if (!removed) {
      return std::unexpected(concat({"'", broker::cut(filter), "' has no retained message."}));
    }
    return Json{{"deleted", filter}};
  }
  const auto limit = question.number("limit", rows_of_page, rows_most);
  if (!limit) return std::unexpected(limit.error());
  const auto cursor = ask::cursor_of(question.value("after"));
  if (!cursor) return std::unexpected(cursor.error());
  return list_retained(filter, std::min(*limit, rows_of_page), cursor->place);
}

// Every shard has every retained message: the first one is asked.
Administration::Result Administration::list_retained(std::string_view filter, std::size_t rows_max,
                                                     std::size_t skip) {
  Json rows = Json::array();
  std::size_t seen = 0;
  bool more = false;
  std::unique_ptr<broker::RetainedWalk> walk;
  loops_.run_everywhere([&](broker::ShardIndex index, broker::Shard& shard, broker::Instant now) {
    if (number_of(index) != 0) return false;
    if (!walk) walk = shard.admin().walk_retained(filter);
    const bool goes_on = shard.admin().continue_walk(
        *walk, now, [&](const broker::MessageView& message, const broker::Publisher* by) {
          if (seen++ < skip) return;
          more = rows.size() == rows_max;
          if (!more) rows.push_back(ask::json_of(message, by));
        });
    if (goes_on && !more) return true;
    walk.reset();  // on the thread of its shard
    return false;
  });
  Json next = more ? Json(ask::text_of({0, skip + rows.size()})) : Json();
  return Json{{"retained", std::move(rows)}, {"next", std::move(next)}};
}

}  // namespace server
