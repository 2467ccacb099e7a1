#include "transport/loop_counts.h"

#include "broker/core/access.h"

namespace transport {
namespace {

using broker::FigureKind;
using broker::FigureUnit;
using broker::histogram_of;
using broker::sum_of;

constexpr broker::Figure<LoopCounts> loop_count_rows[] = {
    {.name = "loop_turn",
     .value = histogram_of<&LoopCounts::turn>,
     .kind = FigureKind::histogram,
     .unit = FigureUnit::microseconds,
     .help = "Duration of turns of loops, from their first input; one turn in 17 is measured."},
    {.name = "route",
     .value = histogram_of<&LoopCounts::route>,
     .kind = FigureKind::histogram,
     .unit = FigureUnit::microseconds,
     .help = "Time from the first input of such a turn until its first output was written."},
    {.name = "end_to_end",
     .value = histogram_of<&LoopCounts::end_to_end>,
     .kind = FigureKind::histogram,
     .unit = FigureUnit::microseconds,
     .help = "Time from the first input of such a turn until output that it caused was written, by "
             "its own shard or by others; waits for the disk are in store_commit."},
    {.name = "login",
     .value = histogram_of<&LoopCounts::login>,
     .kind = FigureKind::histogram,
     .unit = FigureUnit::microseconds,
     .help = "Time from the question about a login until its answer."},
    {.name = "logins",
     .value = sum_of<&LoopCounts::logins>,
     .label = "result",
     .items = login_result_names,
     .help = "Logins that were checked; a listener that lets everybody in checks none."},
    {.name = "tls_handshakes_failed",
     .value = sum_of<&LoopCounts::tls_failures>,
     .label = "cause",
     .items = tls_failure_names,
     .help = "TLS handshakes that failed; see also refused for those that took too long."},
};
static_assert(broker::has_every_member<LoopCounts>(loop_count_rows),
              "each member of LoopCounts has one row");
static_assert(broker::is_complete<LoopCounts>(loop_count_rows));

}  // namespace

LoginResult login_result_of(mqtt::Reason reason) noexcept {
  if (reason == mqtt::Reason::success) return LoginResult::accepted;
  if (broker::is_wrong_login(reason)) return LoginResult::wrong;
  if (reason == mqtt::Reason::banned) return LoginResult::banned;
  return reason == mqtt::Reason::server_busy ? LoginResult::busy : LoginResult::other;
}

broker::FigureTable<LoopCounts> loop_count_figures() noexcept {
  return {broker::FigureOwner::loop, loop_count_rows};
}

}  // namespace transport
