#include "persistence/renewal.h"

#include <cassert>

namespace persistence {
namespace {

constexpr auto renewal_line_interval = std::chrono::seconds(5);

}  // namespace

Renewal::Renewal(Store& store, broker::Log& log, std::uint64_t number, std::uint32_t shards,
                 RenewalAsk ask)
    : store_(store),
      log_(log),
      number_(number),
      ask_(std::move(ask)),
      positions_(shards),
      walking_(shards),
      begin_(Clock::now()),
      next_line_(begin_ + renewal_line_interval) {
  log_.write_event(broker::LogType::notice, {.event = broker::Event::store_renewal},
                   "The store " + store_.path() +
                       " is being written anew. Clients are served meanwhile; "
                       "acknowledgements wait.");
  for (std::uint32_t i = 0; i < shards; ++i) this->ask(broker::ShardIndex{i}, RenewalStep::begin);
}

Answer<void> Renewal::take(const RenewalPortion& portion) {
  if (portion.renewal != number_) return {};
  assert(!is_complete());
  const auto shard = static_cast<std::uint32_t>(portion.shard);
  const bool ends = is_ending();
  if (portion.more) ask(portion.shard, RenewalStep::rows);
  if (auto done = store_.write(portion.batch); !done) return done;
  rows_ += portion.batch.size();
  tell_progress();
  if (ends) {
    positions_[shard] = portion.batch.position;
    ++ended_;
  } else if (!portion.more && --walking_ == 0) {
    for (std::uint32_t i = 0; i < positions_.size(); ++i) {
      ask(broker::ShardIndex{i}, RenewalStep::end);
    }
  }
  return {};
}

void Renewal::tell_progress() {
  const auto now = Clock::now();
  if (now < next_line_) return;
  next_line_ = now + renewal_line_interval;
  log_.write_event(
      broker::LogType::notice, {.event = broker::Event::store_renewal},
      "The store " + store_.path() + " is being written anew: " + extent() + " so far.");
}

std::string Renewal::extent() const {
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_).count();
  return std::to_string(rows_) + " rows, in " + std::to_string(passed) + " ms";
}

}  // namespace persistence
