#include "broker/server/doctor/file_checks.h"

#include <catch2/catch.hpp>

#include "test/doctor/fixture.h"

namespace {

using doctor::Findings;
using doctor::Severity;
using doctor_test::configuration;
using doctor_test::file;
using doctor_test::folder;
using doctor_test::healthy_facts;
using doctor_test::is_in;
using doctor_test::lines_of;
using Texts = std::vector<std::string>;

const std::string settings =
    "password_file /d/passwd\nacl_file /d/acl\npersistence true\npersistence_location /s\n"
    "log_dest file /l/log\nlistener 1\n";

doctor::Facts healthy() {
  doctor::Facts facts = healthy_facts();
  facts.files = {{"/", folder()},
                 {"/etc", folder()},
                 {"/etc/darter.conf", file(0644, 0, 0)},
                 {"/d", folder()},
                 {"/d/passwd", file(0600)},
                 {"/d/acl", file(0644, 0, 0)},
                 {"/s", folder(0750, 100, 200)},
                 {"/l", folder()},
                 {"/l/log", file(0640)}};
  return facts;
}

Texts check(const doctor::Facts& facts, Severity least = Severity::notice,
            const std::string& text = settings) {
  doctor::Configuration told = configuration(text);
  told.store_file = "/s/darter.db";
  Findings findings;
  check_files(told, facts, findings);
  return lines_of(findings.all(), least);
}

/// The one complaint about these facts.
std::string complaint(const doctor::Facts& facts) {
  const Texts lines = check(facts);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

}  // namespace

TEST_CASE("owner, group and others, and no more than the first that fits", "[doctor]") {
  const doctor::Account user{.name = "u", .uid = 1, .gids = {10, 11}};
  CHECK(may(user, file(0400, 1, 9), 4));
  CHECK_FALSE(may(user, file(0044, 1, 10), 4));
  CHECK(may(user, file(0040, 2, 11), 4));
  CHECK_FALSE(may(user, file(0004, 2, 11), 4));
  CHECK(may(user, file(0004, 2, 12), 4));
  CHECK_FALSE(may(user, file(0004, 2, 12), 6));
  CHECK(may(doctor::Account{.name = "root", .uid = 0, .gids = {0}}, file(0000, 2, 12), 6));
}

TEST_CASE("the folders above a path", "[doctor]") {
  CHECK(doctor::path_and_parents("/a/b/../c") == Texts{"/", "/a", "/a/c"});
  CHECK(doctor::path_and_parents("/a/") == Texts{"/", "/a"});
  CHECK(doctor::path_and_parents("/") == Texts{"/"});
  CHECK(doctor::path_and_parents("x").size() >= 2);
}

TEST_CASE("files that are as they should be are named", "[doctor]") {
  CHECK(check(healthy()).empty());
  const Texts all = check(healthy(), Severity::good);
  CHECK(all.size() == 5);
  CHECK(all.at(1) ==
        "good /etc/darter.conf:1: 'password_file' /d/passwd is readable by user "
        "mosquitto and closed to others");
}

TEST_CASE("a file that is missing, closed, or open to all", "[doctor]") {
  doctor::Facts facts = healthy();
  facts.files.erase("/d/passwd");
  CHECK(is_in("no such file -> darter-passwd -c /d/passwd USER", complaint(facts)));
  facts = healthy();
  facts.files["/d/passwd"] = file(0604);
  CHECK(
      complaint(facts) ==
      "warning /etc/darter.conf:1: 'password_file' /d/passwd holds secrets, but everybody on this "
      "machine may read it (mode 0604) -> chown root:mosquitto /d/passwd && chmod 640 /d/passwd");
  const Texts refused =
      check(facts, Severity::notice, settings + "world_readable_secrets refuse\n");
  REQUIRE(refused.size() == 1);
  CHECK(is_in("error /etc/darter.conf:1: 'password_file' /d/passwd holds secrets", refused[0]));
  CHECK(is_in("the broker does not start with it -> chown root:mosquitto /d/passwd", refused[0]));
  facts = healthy();
  facts.files["/d/acl"] = file(0600, 0, 0);
  CHECK(complaint(facts) ==
        "warning /etc/darter.conf:2: 'acl_file' /d/acl: user mosquitto may not read it (mode "
        "0600); a reload will fail, and so does a start that is not root's -> chown "
        "root:mosquitto /d/acl && chmod 640 /d/acl");
  facts = healthy();
  facts.files["/d"] = folder(0700, 0, 0);
  CHECK(check(facts).size() == 2);
  const std::string closed = check(facts).front();
  CHECK(is_in("warning", closed));
  CHECK(is_in("may not search the folder /d (mode 0700); a reload will fail", closed));
  CHECK(is_in("-> chmod o+x /d", closed));
  facts = healthy();
  facts.files["/d"].state = doctor::FileFacts::State::hidden;
  CHECK(check(facts).size() == 2);
  CHECK(is_in("unknown", check(facts).front()));
}

TEST_CASE("only what the broker makes", "[doctor]") {
  const std::string made = settings + "pid_file /p/pid\nlistener 0 /q/socket\n";
  const auto look = [&](const doctor::Facts& facts) {
    doctor::Configuration told = configuration(made);
    told.store_file = "/s/darter.db";
    Findings findings;
    check_made_files(told, facts, findings);
    return lines_of(findings.all());
  };
  doctor::Facts facts = healthy();
  facts.files["/d/passwd"] = file(0604);  // is read
  CHECK(look(facts) == Texts{"error /etc/darter.conf:8: 'listener' /q/socket: there is no folder "
                             "/q -> install -d -o mosquitto -m 750 /q",
                             "error /etc/darter.conf:7: 'pid_file' /p/pid: there is no folder /p "
                             "-> install -d -o mosquitto -m 750 /p"});
  facts.files["/p"] = folder();
  facts.files["/q"] = folder();
  CHECK(look(facts).empty());
  facts.is_root = false;  // then it is not root who makes them
  CHECK(look(facts) == Texts{"error /etc/darter.conf:8: 'listener' /q/socket: user mosquitto may "
                             "make no file in /q (mode 0755) -> chown mosquitto /q",
                             "error /etc/darter.conf:7: 'pid_file' /p/pid: user mosquitto may make "
                             "no file in /p (mode 0755) -> chown mosquitto /p"});
  facts.broker.reset();
  CHECK(look(facts).size() == 1);
}

TEST_CASE("what the broker writes", "[doctor]") {
  doctor::Facts facts = healthy();
  facts.files["/s"] = folder(0755, 0, 0);
  CHECK(
      is_in("error /etc/darter.conf:4: 'persistence_location' /s: user mosquitto may not make "
            "files in it",
            complaint(facts)));
  facts = healthy();
  facts.files.erase("/s");
  CHECK(is_in("no such folder -> install -d -o mosquitto -m 750 /s", complaint(facts)));
  facts = healthy();
  facts.files["/s/darter.db"] = file(0644, 0, 0);
  CHECK(is_in("/s/darter.db: user mosquitto may not read and write it", complaint(facts)));
  facts = healthy();
  facts.files["/l/log"] = file(0640, 0, 0);
  CHECK(is_in("'log_dest' /l/log: user mosquitto may not write to it (mode 0640); once the file is",
              complaint(facts)));
  facts = healthy();
  facts.files.erase("/l/log");
  CHECK(is_in("may make no file in /l", complaint(facts)));
  facts.files.erase("/l");
  CHECK(is_in("there is no folder /l", complaint(facts)));
}

TEST_CASE("a file where a folder is wanted, and a folder where a file is", "[doctor]") {
  doctor::Facts facts = healthy();
  facts.files["/s"] = file(0755);
  CHECK(complaint(facts) ==
        "error /etc/darter.conf:4: 'persistence_location' /s is no folder -> name another");
  facts = healthy();
  facts.files["/l/log"] = folder(0755, 100, 200);
  CHECK(complaint(facts) ==
        "error /etc/darter.conf:5: 'log_dest' /l/log is a folder -> name another");
  facts = healthy();
  facts.files["/l"] = file(0755);
  facts.files.erase("/l/log");
  CHECK(is_in("'log_dest' /l/log: there is no folder /l", complaint(facts)));
}

TEST_CASE("the broker's user", "[doctor]") {
  doctor::Facts facts = healthy();
  facts.broker.reset();
  CHECK(is_in("There is no user 'mosquitto'", complaint(facts)));
  facts.broker = doctor::Account{.name = "root", .uid = 0, .gids = {0}};
  CHECK(is_in("The broker stays root", complaint(facts)));
}
