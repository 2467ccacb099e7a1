#include "broker/server/doctor/listener_checks.h"

#include <catch2/catch.hpp>

#include "test/doctor/fixture.h"

namespace {

using doctor::Findings;
using doctor::Severity;
using doctor_test::configuration;
using doctor_test::healthy_facts;
using doctor_test::is_in;
using doctor_test::lines_of;
using Texts = std::vector<std::string>;

Texts check(const std::string& text, const std::set<std::size_t>& proxied = {},
            Severity least = Severity::notice) {
  Findings findings;
  check_listeners(configuration(text), proxied, findings);
  return lines_of(findings.all(), least);
}

const std::string users = "password_file /p\n";

}  // namespace

TEST_CASE("who reaches a listener", "[doctor]") {
  const auto open = [](const std::string& text) {
    return doctor::is_open_to_the_world(configuration(text).settings.listeners.at(0));
  };
  CHECK(open("listener 1\n"));
  CHECK(open("listener 1 0.0.0.0\n"));
  CHECK(open("listener 1 192.168.1.2\n"));
  CHECK(open("listener 1 ::\n"));
  CHECK_FALSE(open("listener 1 127.0.0.1\n"));
  CHECK_FALSE(open("listener 1 127.8.0.1\n"));
  CHECK_FALSE(open("listener 1 ::1\n"));
  CHECK_FALSE(open("listener 1 localhost\n"));
  CHECK_FALSE(open("listener 0 /run/s\n"));
  CHECK_FALSE(open(""));
}

TEST_CASE("listeners without TLS or without a password", "[doctor]") {
  CHECK(check(users + "listener 1 127.0.0.1\n").empty());
  CHECK(check(users + "listener 1 127.0.0.1\n", {}, Severity::good).size() == 2);
  const Texts plain = check(users + "listener 7\n");
  REQUIRE(plain.size() == 1);
  CHECK(is_in("warning /etc/darter.conf:2: Listener 7 is open to other machines without TLS",
              plain[0]));
  CHECK(is_in("-> listener 7 127.0.0.1", plain[0]));
  CHECK(check(users + "listener 8\ncertfile /c\nkeyfile /k\n").empty());
  const Texts open = check("allow_anonymous true\nlistener 7 192.168.0.1\n");
  REQUIRE(open.size() == 2);
  CHECK(
      is_in("error /etc/darter.conf:1: Listener 7 on 192.168.0.1 lets in whoever reaches this "
            "machine without a password, to read and write everything",
            open[1]));
  // A list of access rules is better than nothing.
  CHECK(is_in("warning", check("allow_anonymous true\nacl_file /a\nlistener 7\n").at(1)));
  CHECK(is_in("notice", check("allow_anonymous true\nlistener 7 127.0.0.1\n").at(0)));
  CHECK(is_in("error", check("allow_anonymous true\nlistener 7 127.0.0.1\n", {0}).at(0)));
  CHECK(is_in("whoever reaches nginx",
              check("allow_anonymous true\nlistener 7 127.0.0.1\n", {0}).at(0)));
  CHECK(check("allow_anonymous true\nlistener 8\ncertfile /c\nkeyfile /k\ncafile /ca\n"
              "require_certificate true\n")
            .empty());
}

TEST_CASE("a listener that lets nobody in", "[doctor]") {
  CHECK(is_in("lets nobody in", check("listener 1 127.0.0.1\n").at(0)));
  CHECK(check("listener 8\ncertfile /c\nkeyfile /k\ncafile /ca\nrequire_certificate true\n"
              "use_identity_as_username true\n")
            .empty());
}

TEST_CASE("an http_listener needs no login, but should not be open", "[doctor]") {
  const std::string text = "listener 1 127.0.0.1\n" + users + "http_listener 9100";
  CHECK(check(text + "\n", {}, Severity::warning).empty());
  const auto open = check(text + " 0.0.0.0\n", {}, Severity::warning);
  REQUIRE(open.size() == 1);
  CHECK(is_in("shows the broker's figures to whoever reaches this machine", open[0]));
  const auto with_login = check("admin_file /a\n" + text + " 0.0.0.0\n", {}, Severity::warning);
  REQUIRE(with_login.size() == 1);
  CHECK(is_in("without TLS", with_login[0]));
}

TEST_CASE("advice is in the form of the file", "[doctor]") {
  const auto told = configuration("password_file = '/p'\n[[listener]]\nport = 7\n");
  CHECK(told.line("websockets_ping_interval", "30") == "websockets_ping_interval = 30");
  CHECK(told.line("certfile", "/c") == "certfile = \"/c\"");
  CHECK(told.line("allow_anonymous", "false") == "allow_anonymous = false");
  CHECK(told.where(0) == "/etc/darter.conf:2");
  CHECK(told.where(0, "password_file") == "/etc/darter.conf:1");
  CHECK(told.where("max_keepalive") == "/etc/darter.conf");
}

TEST_CASE("what the broker's own readers say is passed on", "[doctor]") {
  const auto told = configuration(users + "listener 8\ncertfile /c\nkeyfile /k\n");
  doctor::Facts facts = healthy_facts();
  facts.tls.resize(1);
  facts.tls[0].tried = true;
  const auto lines = [&] {
    Findings findings;
    check_trials(told, facts, findings);
    return lines_of(findings.all(), Severity::notice);
  };
  CHECK(lines().empty());
  facts.tls[0].warnings = {"Listener 8: certificate /c ends on Friday"};
  CHECK(lines() == Texts{"warning /etc/darter.conf:3: Listener 8: certificate /c ends on Friday -> "
                         "renew it, then: systemctl reload darter"});
  facts.tls[0] = {.errors = {"Listener 8: /k is not the key of /c"},
                  .warnings = {},
                  .tried = true,
                  .reason = {}};
  CHECK(is_in("error /etc/darter.conf:3: Listener 8: /k is not", lines().at(0)));
  facts.tls[0] = {.errors = {}, .warnings = {}, .tried = false, .reason = "/k: Permission denied"};
  CHECK(is_in("unknown", lines().at(0)));
  CHECK(is_in("could not be tried: /k: Permission denied", lines().at(0)));
}

TEST_CASE("limits that everybody is exempt from", "[doctor]") {
  const std::string limits = users + "listener 1 127.0.0.1\nmax_connections_per_address 5\n";
  CHECK(check(limits).empty());
  CHECK(check(limits + "limits_exempt 10.0.0.0/8\n").empty());
  CHECK(check(users + "limits_exempt 0.0.0.0/0\nlistener 1 127.0.0.1\n").empty());
  const Texts lines = check(limits + "max_login_failures 3\nlimits_exempt ::1 ::/0\n");
  REQUIRE(lines.size() == 2);
  CHECK(
      is_in("warning /etc/darter.conf:5: 'limits_exempt' has every IPv6 address, so that "
            "'max_connections_per_address' counts none of them",
            lines.front()));
  CHECK(is_in("'max_login_failures'", lines.back()));
}
