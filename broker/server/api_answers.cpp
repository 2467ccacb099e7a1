#include "broker/server/api_answers.h"

#include <chrono>
#include <numeric>
#include <string>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/administration.h"
#include "broker/server/cluster/cluster_json.h"
#include "broker/server/http/gate.h"
#include "broker/server/sight_sources.h"
#include "transport/loops.h"

namespace server {
namespace {

using Json = nlohmann::ordered_json;
using broker::concat;

std::string text_of_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string_view text_of(broker::FigureKind kind) {
  using enum broker::FigureKind;
  if (kind == counter) return "counter";
  if (kind == gauge) return "gauge";
  if (kind == maximum) return "maximum";
  return kind == histogram ? "histogram" : "text";
}

std::string_view text_of(broker::FigureUnit unit) {
  using enum broker::FigureUnit;
  if (unit == bytes) return "bytes";
  if (unit == seconds) return "seconds";
  if (unit == milliseconds) return "milliseconds";
  if (unit == microseconds) return "microseconds";
  return unit == days ? "days" : "";
}

Json json_of(const broker::Histogram& histogram) {
  return {{"count", histogram.count()},
          {"sum_microseconds", histogram.sum_microseconds},
          {"buckets", histogram.counts}};
}

template <typename Source>
Json value_of(const broker::Figure<Source>& row, const Source& source, std::size_t item) {
  if (row.kind == broker::FigureKind::histogram) return json_of(row.value->histogram(source));
  if (row.kind == broker::FigureKind::text) return row.format(source);
  return row.value->read(source, item);
}

/// A figure with a label has "values", by item; others have "value".
template <typename Source>
Json row_of(const broker::Figure<Source>& row, const Items<Source>& sources) {
  Json json = {{"name", row.name},
               {"kind", text_of(row.kind)},
               {"unit", text_of(row.unit)},
               {"help", row.help}};
  if (row.label.empty()) {
    json["value"] = value_of(row, *sources.front().second, 0);
    return json;
  }
  json["label"] = row.label;
  Json values = Json::object();
  for (const auto& [name, source] : sources) {
    for (std::size_t i = 0; i < broker::item_count(row); ++i) {
      values[std::string(row.items.empty() ? name : row.items[i])] = value_of(row, *source, i);
    }
  }
  json["values"] = std::move(values);
  return json;
}

std::string_view name_of(transport::Protocol protocol) {
  if (protocol == transport::Protocol::mqtt) return "mqtt";
  return protocol == transport::Protocol::websockets ? "websockets" : "http";
}

Json certificates_of(const Sight& sight) {
  Json list = Json::array();
  for (const auto& [port, figures] : sight.certificates) {
    list.push_back({{"port", port}, {"ends", figures.ends}, {"days", figures.days}});
  }
  return list;
}

Json bridges_of(const Sight& sight) {
  Json list = Json::array();
  for (const auto& [name, figures] : sight.bridges) {
    list.push_back({{"name", name},
                    {"connected", figures.is_connected},
                    {"sent", figures.sent},
                    {"received", figures.received},
                    {"dropped", figures.dropped},
                    {"queued", figures.queued},
                    {"reconnects", figures.reconnects},
                    {"last_error", figures.last_error}});
  }
  return list;
}

/// Counters since the start: the difference of two answers is a rate.
Json totals_of(const broker::Metrics& metrics) {
  const auto sum = [](const auto& all) {
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
  };
  return {{"publish_received", sum(metrics.publish_received)},
          {"publish_sent", sum(metrics.publish_sent)},
          {"publish_dropped", metrics.publish_dropped},
          {"bytes_received", metrics.bytes_received},
          {"bytes_sent", metrics.bytes_sent},
          {"connections", metrics.connections},
          {"refused", sum(metrics.refused)},
          {"logins_failed", metrics.logins_failed}};
}

/// As Mosquitto's, for pages of any site: a browser sends them no password by itself.
transport::HttpResponse for_any_page(std::string type, std::string body) {
  transport::HttpResponse response;
  response.type = std::move(type);
  response.fields = "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n";
  response.body = std::move(body);
  return response;
}

std::int64_t time_of_day_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

Json json_of(const Backup& backup) {
  return {{"name", backup.name}, {"bytes", backup.bytes}, {"time", backup.time_seconds}};
}

transport::HttpResponse error_response(unsigned status, std::string_view sentence) {
  return json_response(status, transport::error_json(sentence));
}

constexpr std::string_view nothing_stored =
    "Nothing is stored, so there is nothing to back up: the option persistence is false.";

}  // namespace

Json figures_json(const Sight& sight) {
  Json all = Json::array();
  for_each_figure_table([&]<typename Source>(const broker::FigureTable<Source>& table) {
    const Items<Source> items = SourceOf{sight}(table);
    if (items.empty()) return;
    for (const auto& row : table.rows) all.push_back(row_of(row, items));
  });
  return {{"figures", std::move(all)}};
}

Json systree_json(const Sight& sight) {
  Json tree = Json::object();
  for_each_figure_table([&]<typename Source>(const broker::FigureTable<Source>& table) {
    for (const auto& [name, source] : SourceOf{sight}(table)) {
      for (const auto& row : table.rows) {
        if (row.topic.empty() || !row.value) continue;
        for (std::size_t i = 0; i < broker::item_count(row); ++i) {
          const std::string topic =
              broker::topic_of_item(row.topic, row.items.empty() ? name : row.items[i]);
          tree[concat({"$SYS/broker/", topic})] = row.value->read(*source, i);
        }
      }
    }
  });
  return tree;
}

void ApiAnswers::administer(const ApiCall& call, const transport::HttpReply& reply) {
  if (call.kind == ApiCall::Kind::backups) return reply.answer(list_backups());
  if (call.kind == ApiCall::Kind::back_up) {
    if (auto answer = back_up(call, reply)) reply.answer(std::move(*answer));
    return;
  }
  reply.answer(obey(call));
}

transport::HttpResponse ApiAnswers::obey(const ApiCall& call) {
  const ControlQuestion words(call.words.begin(), call.words.end());
  ControlAnswer answer = Administration(loops_, listeners_, login_service_, log_).answer(words);
  const bool obeyed = answer.exit_status == 0;
  if (obeyed && !call.done.empty()) {
    log_.write_event(broker::LogType::notice, {.event = broker::Event::administrator_action},
                     concat({"HTTP: ", call.by, " ", call.done, "."}));
  }
  return json_response(obeyed ? 200 : call.error_status, std::move(answer.text));
}

transport::HttpResponse ApiAnswers::list_backups() const {
  if (backups_ == nullptr) return error_response(404, nothing_stored);
  Json rows = Json::array();
  for (const Backup& backup : backups_->list()) rows.push_back(json_of(backup));
  return json_response(200, text_of_json({{"folder", backups_->folder()},
                                          {"running", backups_->is_running()},
                                          {"backups", std::move(rows)}}));
}

std::optional<transport::HttpResponse> ApiAnswers::back_up(const ApiCall& call,
                                                           const transport::HttpReply& reply) {
  if (backups_ == nullptr) return error_response(404, nothing_stored);
  // The log says how it ended also if the request has not waited so long.
  auto begun = backups_->begin([reply, by = call.by, &log = log_](const Backups::Result& made) {
    const broker::LogFields fields{.event = broker::Event::administrator_action};
    if (made) {
      log.write_event(broker::LogType::notice, fields,
                      concat({"HTTP: ", by, " backed up the store to ", made->name, "."}));
      reply.answer(json_response(200, text_of_json(json_of(*made))));
    } else {
      log.write_event(broker::LogType::warning, fields,
                      concat({"HTTP: ", by, " asked for a backup, which failed: ", made.error()}));
      reply.answer(error_response(503, made.error()));
    }
  });
  if (!begun) return error_response(409, begun.error());
  return std::nullopt;
}

void ApiAnswers::stop() {
  if (backups_ != nullptr) backups_->stop();
}

transport::HttpResponse ApiAnswers::answer(const ApiCall& call, const Sight& sight,
                                           const History& history) const {
  using Kind = ApiCall::Kind;
  switch (call.kind) {
    case Kind::figures:
      return json_response(200, text_of_json(figures_json(sight)));
    case Kind::history:
      return json_response(200, text_of_json(history.json()));
    case Kind::mosquitto_version:
      return for_any_page("text/plain; charset=utf-8", sight.broker.version);
    case Kind::mosquitto_listeners:
      return for_any_page("application/json", text_of_json(mosquitto_listeners()));
    case Kind::mosquitto_systree:
      return for_any_page("application/json", text_of_json(systree_json(sight)));
    case Kind::status:
    case Kind::administration:
    case Kind::backups:
    case Kind::back_up:
      break;
  }
  return json_response(200, status(sight));
}

std::string ApiAnswers::status(const Sight& sight) const {
  return text_of_json(
      {{"version", sight.broker.version},
       {"now", time_of_day_seconds()},
       {"uptime_seconds", sight.broker.uptime_seconds},
       {"configuration_generation", sight.process.configuration_generation},
       {"loops", loops_.count()},
       {"clients_connected", sight.shards.clients_connected},
       {"sessions", sight.shards.sessions},
       {"subscriptions", sight.shards.subscriptions + sight.shards.shared_subscriptions},
       {"retained_messages", sight.shards.retained_messages},
       {"resident_bytes", sight.process.resident_bytes},
       {"open_files", sight.process.open_files},
       {"open_files_max", sight.process.open_files_max},
       {"store", sight.store ? Json{{"failing", sight.store->failing},
                                    {"error", sight.store->error},
                                    {"lag_microseconds", sight.store->lag_microseconds}}
                             : Json()},
       {"listeners", listeners()},
       {"certificates", certificates_of(sight)},
       {"bridges", bridges_of(sight)},
       {"cluster", sight.cluster ? cluster_json(sight.cluster_view, *sight.cluster) : Json()},
       {"totals", totals_of(sight.shards)},
       {"faults", sight.faults}});
}

/// Mosquitto's names of keys and protocols.
Json ApiAnswers::mosquitto_listeners() const {
  Json list = Json::array();
  for (const auto& listener : listeners_.listeners()) {
    const transport::ListenerOptions& options = listener->options();
    const ListenerComponentOptions& configured = listeners_.entry_of(*listener).configured;
    Json one;
    if (options.unix_socket_path.empty()) {
      one["port"] = listener->port();
    } else {
      one["path"] = options.unix_socket_path;
    }
    const bool http = options.protocol == transport::Protocol::http;
    one["protocol"] = http ? "httpapi" : name_of(options.protocol);
    one["tls"] = options.tls;
    one["mtls"] = configured.tls.require_certificate;
    one["allow_anonymous"] = configured.realm.allow_anonymous;
    list.push_back(std::move(one));
  }
  return {{"listeners", std::move(list)}};
}

Json ApiAnswers::listeners() const {
  Json list = Json::array();
  for (const auto& listener : listeners_.listeners()) {
    const transport::ListenerOptions& options = listener->options();
    list.push_back({{"name", server::name_of(options)},
                    {"port", listener->port()},
                    {"unix_socket_path", options.unix_socket_path},
                    {"protocol", name_of(options.protocol)},
                    {"path", options.http_path},
                    {"tls", options.tls},
                    {"connections", listener->connections().count()},
                    {"open", !listener->sockets().empty()}});
  }
  return list;
}

}  // namespace server
