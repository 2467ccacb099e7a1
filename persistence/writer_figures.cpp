#include "persistence/writer_figures.h"

namespace persistence {
namespace {

using broker::FigureKind;
using broker::FigureUnit;
using broker::sum_of;

constexpr broker::Figure<WriterFigures> figure_rows[] = {
    {.name = "store_commits",
     .value = sum_of<&WriterFigures::commits>,
     .topic = "store/commits",
     .help = "Transactions that were committed."},
    {.name = "store_rows",
     .value = sum_of<&WriterFigures::rows>,
     .topic = "store/rows",
     .help = "Rows in these transactions."},
    {.name = "store_written",
     .value = sum_of<&WriterFigures::bytes>,
     .unit = FigureUnit::bytes,
     .topic = "store/bytes",
     .help = "Content of these rows."},
    {.name = "store_last_commit",
     .value = sum_of<&WriterFigures::commit_microseconds>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::microseconds,
     .topic = "store/commit/microseconds",
     .help = "Duration of the last commit."},
    {.name = "store_commit",
     .value = broker::histogram_of<&WriterFigures::commit>,
     .kind = FigureKind::histogram,
     .unit = FigureUnit::microseconds,
     .help = "Duration of commits, with those that had to be tried again."},
    {.name = "store_lag",
     .value = broker::largest_of<&WriterFigures::lag_microseconds>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::microseconds,
     .help = "Time since the oldest changes were made that are not on disk; 0 if all are."},
    {.name = "store_waiting",
     .value = sum_of<&WriterFigures::waiting>,
     .kind = FigureKind::gauge,
     .help = "Batches of changes that are not on disk, at most one of each loop."},
    {.name = "store_failures",
     .value = sum_of<&WriterFigures::failures>,
     .topic = "store/failures",
     .help = "Commits that failed and were tried again."},
    {.name = "store_failing",
     .value = broker::largest_of<&WriterFigures::failing>,
     .kind = FigureKind::gauge,
     .topic = "store/failing",
     .help = "1 while commits fail, and nothing is acknowledged; otherwise 0."},
    {.name = "store_error",
     .format = [](const WriterFigures& now) { return now.error.empty() ? "none" : now.error; },
     .kind = FigureKind::text,
     .topic = "store/error",
     .help = "The reason why commits fail, or none."},
    {.name = "store_renewals",
     .value = sum_of<&WriterFigures::renewals>,
     .topic = "store/renewals",
     .help = "Times that a lost store was written anew."},
};
static_assert(broker::is_complete<WriterFigures>(figure_rows));

}  // namespace

broker::FigureTable<WriterFigures> store_figures() noexcept {
  return {broker::FigureOwner::store, figure_rows};
}

}  // namespace persistence
