#include "broker/server/doctor/system_checks.h"

#include <catch2/catch.hpp>

#include "test/doctor/fixture.h"

namespace {

using doctor::Findings;
using doctor::Limit;
using doctor::Severity;
using doctor_test::configuration;
using doctor_test::healthy_facts;
using doctor_test::is_in;
using doctor_test::lines_of;
using Texts = std::vector<std::string>;

std::vector<std::string> open_files(const std::string& text, const doctor::Facts& facts,
                                    Severity least = Severity::notice) {
  Findings findings;
  check_open_files(configuration(text), facts, findings);
  return lines_of(findings.all(), least);
}

std::vector<std::string> backlogs(const std::string& text, const doctor::Facts& facts) {
  Findings findings;
  check_backlogs(configuration(text), facts, findings);
  return lines_of(findings.all(), Severity::unknown);
}

}  // namespace

TEST_CASE("how many clients there may be", "[doctor]") {
  const auto most = [](const std::string& text) {
    return doctor::clients_max(configuration(text).settings);
  };
  CHECK_FALSE(most("listener 1\nmax_connections 5\nlistener 2\n"));
  CHECK(most("listener 1\nmax_connections 5\nlistener 2\nmax_connections 6\n") == 11U);
  CHECK(most("global_max_connections 7\nlistener 1\n") == 7U);
  CHECK(most("global_max_connections 7\nlistener 1\nmax_connections 5\n") == 5U);
}

TEST_CASE("open files against the clients that are wanted", "[doctor]") {
  doctor::Facts facts = healthy_facts();
  CHECK(open_files("listener 1\n", facts).empty());
  facts.open_files = Limit{.soft = 1024, .hard = 20'000};
  CHECK(is_in("notice RLIMIT_NOFILE", open_files("listener 1\n", facts).at(0)));
  CHECK(open_files("global_max_connections 10000\n", facts).empty());
  const std::string few = open_files("global_max_connections 20000\n", facts).at(0);
  CHECK(is_in("warning RLIMIT_NOFILE", few));
  CHECK(is_in("'global_max_connections' lets in 20000", few));
  facts.open_files = Limit{.soft = 1024, .hard = 1024};
  CHECK(is_in("warning", open_files("listener 1\n", facts).at(0)));
  facts.open_files.reset();
  CHECK(is_in("unknown", open_files("listener 1\n", facts).at(0)));
}

TEST_CASE("where there is a unit, its limit counts", "[doctor]") {
  doctor::Facts facts = healthy_facts();
  facts.open_files = Limit{.soft = 1024, .hard = 1024};
  facts.unit = doctor::Unit{.path = "/u/darter.service", .open_files = {}, .open_files_where = {}};
  CHECK(open_files("listener 1\n", facts).empty());
  doctor::read_unit("[Service]\n LimitNOFILE = 2000 \n", "/u/darter.service", *facts.unit);
  const std::string line = open_files("listener 1\n", facts).at(0);
  CHECK(is_in("warning /u/darter.service:2", line));
  CHECK(is_in("systemctl edit darter", line));
  doctor::read_unit("LimitNOFILE=1024:infinity\n", "/u/more.conf", *facts.unit);
  CHECK(open_files("listener 1\n", facts).empty());
  // An empty value sets it back to the default.
  doctor::read_unit("LimitNOFILE=\n", "/u/none.conf", *facts.unit);
  CHECK_FALSE(facts.unit->open_files);
}

TEST_CASE("limits as systemd writes them", "[doctor]") {
  CHECK(doctor::parse_limit("65536")->hard == 65'536);
  CHECK(doctor::parse_limit("10:20")->soft == 10);
  CHECK(doctor::parse_limit("10:20")->hard == 20);
  CHECK(doctor::parse_limit("infinity")->hard == Limit::no_limit);
  for (const char* bad : {"", "x", "10:", ":10", "-1", "10k"})
    CHECK_FALSE(doctor::parse_limit(bad));
}

TEST_CASE("queues of clients that come back at once", "[doctor]") {
  doctor::Facts facts = healthy_facts();
  CHECK(backlogs("listener 1\n", facts).empty());
  facts.somaxconn = 128;
  CHECK(backlogs("listener 1\n", facts) ==
        Texts{"warning net.core.somaxconn: The kernel cuts darter's backlog of 4096 to 128: when "
              "more clients than that come back at once, it drops some -> sysctl -w "
              "net.core.somaxconn=4096 (and a line of that in /etc/sysctl.d/)"});
  facts = healthy_facts();
  facts.tcp_max_syn_backlog = 128;
  CHECK(backlogs("listener 1\n", facts).empty());
  facts.tcp_syncookies = 0;
  CHECK(is_in("warning net.ipv4.tcp_max_syn_backlog", backlogs("listener 1\n", facts).at(0)));
  CHECK(backlogs("listener 0 /run/x\n", facts).empty());
}
