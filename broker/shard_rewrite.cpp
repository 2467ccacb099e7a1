#include <functional>

#include "broker/shard_state.h"
#include "broker/wire/topic.h"

// All stored rows, once more: for a store that has lost its file.

namespace broker {
namespace {

/// Rows are given away in portions of this size.
constexpr std::size_t portion_bytes = std::size_t{4} << 20U;
constexpr std::size_t portion_rows = 10'000;

using Give = std::function<void(const JournalBatch&)>;

/// Gives the batch away and empties it, if it is large, or `all` is to go.
void give_portion(JournalBatch& batch, const Give& give, bool all) {
  if (!all && batch.bytes.size() < portion_bytes && batch.size() < portion_rows) return;
  if (batch.size() > 0) give(batch);
  batch = {};
}

}  // namespace

std::uint64_t Shard::rewrite(const Give& give, Instant now) {
  end_turn(now);
  State& state = inside_.aside();
  // The rows given now include those noted before.
  [[maybe_unused]] const JournalBatch noted =
      state.tables.ledger.take(state.tables.sessions, state.tables.retained);
  Ledger::Written written;
  JournalBatch batch;
  state.tables.sessions.for_each([&](Session& session) {
    if (session.key == SessionKey{0}) return;
    Ledger::rewrite(session, batch, written);
    state.subscriptions.rewrite(session, batch);
    give_portion(batch, give, false);
  });
  state.tables.retained.for_each([&](const Retained::Record& record) {
    const std::string_view topic = record.message->topic();
    if (mqtt::is_sys(topic) || !state.path.distribution.stores_retained(topic)) return;
    Ledger::rewrite(record, batch, written);
    give_portion(batch, give, false);
  });
  state.path.forwards.rewrite(batch, written);
  give_portion(batch, give, true);
  return state.tables.ledger.position();
}

void Shard::rewrite_groups(
    const std::function<SessionKey(ShardIndex, SessionIndex, std::uint64_t)>& key_of,
    const Give& give) const {
  JournalBatch batch;
  inside_.aside().path.groups.table().for_each_member(
      [&](const Groups::Group& group, const GroupMember& member) {
        JournalBatch::Subscription row;
        row.session = key_of(member.shard, member.session, member.session_number);
        if (row.session == SessionKey{0}) return;
        row.share_name = batch.put(group.share_name);
        row.filter = batch.put(group.filter);
        row.present = true;
        row.subscription_identifier = member.subscription_identifier;
        row.qos = member.qos;
        row.retain_as_published = member.retain_as_published;
        batch.subscriptions.push_back(row);
        give_portion(batch, give, false);
      });
  give_portion(batch, give, true);
}

SessionKey Shard::key_of(SessionIndex session, std::uint64_t number) const {
  const Session* const found = inside_.aside().tables.sessions.at(session, number);
  return found == nullptr ? SessionKey{0} : found->key;
}

}  // namespace broker
