#include "broker/server/trace_questions.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/core/text.h"
#include "broker/wire/topic.h"
#include "transport/traces.h"

namespace server {
namespace {

using broker::concat;
using Json = ask::Json;

/// Records of one answer: with their texts less than a megabyte.
constexpr std::size_t records_of_page = 500;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string missing_trace(std::string_view id) {
  return concat({"There is no trace '", broker::cut(id), "': it was ended, or not read for ",
                 std::to_string(transport::Trace::idle_milliseconds / 1000), " seconds."});
}

std::expected<transport::TraceFilter, std::string> filter_of(const ask::Question& question) {
  transport::TraceFilter filter;
  filter.payload = question.has("payload");
  if (question.has("client")) filter.client = question.value("client");
  if (question.has("topic")) {
    const std::string_view topic = question.value("topic");
    if (!mqtt::check_topic_filter(topic)) {
      return std::unexpected(concat({"'", broker::cut(topic), "' is no topic filter."}));
    }
    filter.topic = topic;
  }
  if (question.has("address")) {
    const std::string_view address = question.value("address");
    transport::Networks networks;
    if (!networks.add(address)) {
      return std::unexpected(concat(
          {"'", broker::cut(address), "' is no address, as 192.0.2.1, 192.0.2.0/24 or unix."}));
    }
    filter.address = std::move(networks);
  }
  const int subjects = (filter.client ? 1 : 0) + (filter.topic ? 1 : 0) + (filter.address ? 1 : 0);
  if (subjects != 1) {
    return std::unexpected(
        std::string("A trace follows a client, a topic or an address: name one of them."));
  }
  return filter;
}

Json json_of(const transport::TraceRecord& record) {
  return {{"number", record.number},
          {"time_microseconds", record.time_microseconds},
          {"kind", transport::name_of(record.kind)},
          {"connection", record.connection},
          {"client_id", record.client_id},
          {"address", record.address},
          {"text", record.text}};
}

}  // namespace

TraceQuestions::Result TraceQuestions::answer(const ask::Question& question) {
  const std::string_view order = question.value("do");
  if (order == "begin") return begin(question);
  if (order == "read") return read(question);
  if (order == "end") return end(question);
  if (order == "list") return list();
  return std::unexpected(std::string("A trace is begun, read or ended."));
}

TraceQuestions::Result TraceQuestions::begin(const ask::Question& question) {
  auto filter = filter_of(question);
  if (!filter) return std::unexpected(filter.error());
  const auto trace = loops_.traces().begin(std::move(*filter), transport::Loops::now());
  if (!trace) return std::unexpected(trace.error());
  return Json{{"id", (*trace)->number()}};
}

TraceQuestions::Result TraceQuestions::read(const ask::Question& question) {
  const auto number = number_of(question.value("of"));
  const broker::Instant now = transport::Loops::now();
  const auto trace = number ? loops_.traces().find(*number, now) : nullptr;
  if (trace == nullptr) return std::unexpected(missing_trace(question.value("of")));
  const auto after = question.has("after") ? number_of(question.value("after")) : 0;
  if (!after) return std::unexpected(std::string("'after' is the number of a record."));
  const transport::Trace::Page page = trace->read(*after, records_of_page, now);
  Json records = Json::array();
  for (const transport::TraceRecord& each : page.records) records.push_back(json_of(each));
  return Json{{"id", *number},
              {"records", std::move(records)},
              {"lost", page.lost},
              {"more", page.records.size() == records_of_page}};
}

TraceQuestions::Result TraceQuestions::end(const ask::Question& question) {
  const auto number = number_of(question.value("of"));
  if (!number || !loops_.traces().end(*number)) {
    return std::unexpected(missing_trace(question.value("of")));
  }
  return Json{{"ended", *number}};
}

TraceQuestions::Result TraceQuestions::list() {
  Json traces = Json::array();
  for (const auto& each : loops_.traces().all(transport::Loops::now())) {
    const transport::TraceFilter& filter = each->filter();
    Json one = {{"id", each->number()}, {"payload", filter.payload}};
    one["client"] = filter.client ? Json(*filter.client) : Json();
    one["topic"] = filter.topic ? Json(*filter.topic) : Json();
    one["follows_address"] = filter.address.has_value();
    traces.push_back(std::move(one));
  }
  return Json{{"traces", std::move(traces)}};
}

}  // namespace server
