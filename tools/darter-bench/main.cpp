#include <algorithm>
#include <array>
#include <cstdio>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <vector>

#include "tools/darter-bench/closed_loop.h"
#include "tools/darter-bench/connect_storm.h"
#include "tools/darter-bench/durable_flow.h"
#include "tools/darter-bench/idle_crowd.h"
#include "tools/darter-bench/offline_queue.h"
#include "tools/darter-bench/open_loop.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/report.h"
#include "tools/darter-bench/retained_replay.h"
#include "tools/darter-bench/returning_crowd.h"
#include "tools/darter-bench/sync_floor.h"

namespace bench {
namespace {

constexpr int good = 0;
constexpr int misused = 2;
constexpr int wrong_counts = 3;

/// A scenario's name and how it is run.
struct Scenario {
  std::string_view name;
  bool (*run)(const Options&, Report&);
};

template <typename Kind>
bool run_as(const Options& options, Report& report) {
  return std::make_unique<Kind>(options, report)->run();
}

constexpr std::array scenarios{
    Scenario{"pairs", run_as<ClosedLoop>},        Scenario{"fanin", run_as<ClosedLoop>},
    Scenario{"fanout", run_as<ClosedLoop>},       Scenario{"many", run_as<ClosedLoop>},
    Scenario{"latency", run_as<OpenLoop>},        Scenario{"connect", run_as<ConnectStorm>},
    Scenario{"retained", run_as<RetainedReplay>}, Scenario{"offline", run_as<OfflineQueue>},
    Scenario{"idle", run_as<IdleCrowd>},          Scenario{"durable", run_as<DurableFlow>},
    Scenario{"sync", run_as<SyncFloor>},          Scenario{"returning", run_as<ReturningCrowd>},
};

/// As many connections as the system lets this user have, and timers that are not put off.
void prepare_process() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::prctl(PR_SET_TIMERSLACK, 1UL);
}

int complain(std::string_view text) {
  (void)std::fprintf(stderr, "darter-bench: %.*s; darter-bench --help lists what there is\n",
                     static_cast<int>(text.size()), text.data());
  return misused;
}

int run(std::span<const std::string> words) {
  const auto options = read_options(words);
  if (!options) return complain(options.error());
  if (options->help) {
    (void)std::fputs(help_text().c_str(), stdout);
    return good;
  }
  const auto* const scenario =
      std::ranges::find(scenarios, std::string_view(options->scenario), &Scenario::name);
  if (scenario == scenarios.end()) return complain("there is no scenario " + options->scenario);
  prepare_process();
  Report report;
  report.text("scenario", options->scenario);
  const bool ok = scenario->run(*options, report);
  report.truth("ok", ok);
  (void)std::fputs(report.line().c_str(), stdout);
  return ok ? good : wrong_counts;
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  return bench::run(arguments);
}
