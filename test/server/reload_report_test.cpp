#include "broker/server/reload_report.h"

#include <catch2/catch.hpp>

using Lines = std::vector<std::string>;
using server::ReloadReport;

TEST_CASE("a report says what changed in one line, and the details below", "[server]") {
  CHECK(server::lines_of(ReloadReport{}) ==
        Lines{"Reloaded: nothing changed. Log files were opened again."});
  ReloadReport report;
  report.options = {"max_keepalive: 0 -> 60", "max_qos: 2 -> 1"};
  report.listeners_added = {"8883", "1884", "[::1]:1"};
  report.listeners_removed = {"1885"};
  report.bridges.changed = {"edge"};
  report.users_removed = 3;
  report.users_changed = 1;
  report.clients_dropped = 1;
  report.need_restart = {"threads: 1 -> 4"};
  report.warnings = {"Warning: w"};
  CHECK(
      server::lines_of(report) ==
      Lines{"Reloaded: 2 options changed, listeners 8883, 1884 and [::1]:1 added, listener 1885 "
            "removed, bridge edge changed, 3 users removed, 1 password changed, 1 client dropped.",
            "  max_keepalive: 0 -> 60", "  max_qos: 2 -> 1",
            "Clients that came in by a listener that was removed stay connected.",
            "This one needs a restart:", "  threads: 1 -> 4", "Warning: w"});
}

TEST_CASE("a report of a reload that was refused says why, and nothing else", "[server]") {
  ReloadReport report;
  report.options = {"max_keepalive: 0 -> 60"};
  report.errors = {"Error: no (darter.conf:3)"};
  CHECK(server::lines_of(report) ==
        Lines{"Reload refused, nothing has changed:", "  Error: no (darter.conf:3)"});
}

TEST_CASE("a report fits on a screen", "[server]") {
  ReloadReport report;
  report.options.assign(500, "max_keepalive: 0 -> 60");
  const Lines lines = server::lines_of(report);
  CHECK(lines.size() == 22);
  CHECK(lines.front() == "Reloaded: 500 options changed.");
  CHECK(lines.back() == "  and 480 more");
}
