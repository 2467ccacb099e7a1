#include "broker/server/top_questions.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "broker/shard_admin.h"

namespace server {
namespace {

using Json = ask::Json;
using Lists = std::array<std::vector<TopRow>, broker::top_list_names.size()>;

constexpr std::size_t rows_of_list = 10;

Lists lists_of(const broker::TopMeter& meter) {
  Lists lists;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    for (const auto& each : meter.sketch(static_cast<broker::TopList>(i)).entries()) {
      const double seconds = meter.seconds();
      lists[i].push_back({each.text, each.is_cut, each.weight / seconds, each.error / seconds,
                          each.other / seconds});
    }
  }
  return lists;
}

Json json_of(const TopRow& row, bool is_by_bytes) {
  return {{"name", row.text},
          {"cut", row.is_cut},
          {"messages_per_second", is_by_bytes ? row.other_rate : row.rate},
          {"bytes_per_second", is_by_bytes ? row.rate : row.other_rate},
          {"error_per_second", row.error}};
}

}  // namespace

std::vector<TopRow> first_rows(const std::vector<TopRow>& rows, std::size_t rows_max) {
  std::map<std::pair<std::string, bool>, TopRow> by_text;
  for (const TopRow& row : rows) {
    TopRow& sum = by_text[{row.text, row.is_cut}];
    sum.rate += row.rate;
    sum.error += row.error;
    sum.other_rate += row.other_rate;
  }
  std::vector<TopRow> sums;
  for (auto& [key, sum] : by_text) {
    if (sum.error > sum.rate / 2) continue;
    sums.push_back({key.first, key.second, sum.rate, sum.error, sum.other_rate});
  }
  const auto sure_rate = [](const TopRow& row) { return row.rate - row.error; };
  std::ranges::stable_sort(sums, std::ranges::greater(), sure_rate);
  if (sums.size() > rows_max) sums.resize(rows_max);
  return sums;
}

TopQuestions::Result TopQuestions::answer(const ask::Question& question) {
  const auto limit = question.number("limit", rows_of_list, broker::TopSketch::entries_max);
  if (!limit) return std::unexpected(limit.error());
  std::vector<Lists> of_shards(loops_.count());
  loops_.run_everywhere(
      [&](broker::ShardIndex index, broker::Shard& shard, broker::Instant /*now*/) {
        of_shards[static_cast<std::uint32_t>(index)] = lists_of(shard.admin().top());
        return false;
      });
  Json answer = Json::object();
  for (std::size_t i = 0; i < broker::top_list_names.size(); ++i) {
    std::vector<TopRow> rows;
    for (Lists& each : of_shards) std::ranges::move(each[i], std::back_inserter(rows));
    Json list = Json::array();
    for (const TopRow& row : first_rows(rows, *limit)) {
      list.push_back(json_of(row, is_by_bytes(static_cast<broker::TopList>(i))));
    }
    answer[std::string(broker::top_list_names[i])] = std::move(list);
  }
  return answer;
}

}  // namespace server
