#include "auth/login_desk.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

using auth::AuthenticatorOptions;
using auth::LoginDesk;
using auth::Match;
using auth::PasswordHash;
using auth::Realm;
using broker::Verdict;
using mqtt::Reason;
using namespace std::chrono_literals;

/// A realm with one user, "anna", whose password is "right".
std::shared_ptr<const Realm> realm_of_anna() {
  std::string path = "/tmp/login_desk_test_XXXXXX";
  const int file = ::mkstemp(path.data());
  REQUIRE(file >= 0);
  ::close(file);
  std::ofstream(path) << "anna:"
                      << PasswordHash::make("right", auth::HashKind::sha512, {}).value().text()
                      << "\n";
  auth::RealmOptions options;
  options.password_file = path;
  auto realm = Realm::load(options);
  ::unlink(path.c_str());
  REQUIRE(realm.has_value());
  return std::move(*realm);
}

/// A desk whose answers are written down.
struct Desk {
  explicit Desk(AuthenticatorOptions with = {}) : options(std::move(with)), desk(options) {
    auto realms = desk.make_realms({realm_of_anna()});
    desk.swap_realms(realms);
  }

  /// Asks; nothing if the answer comes later.
  std::optional<Reason> ask(const std::string& password, const std::string& address = "192.0.2.1") {
    broker::LoginRequest request;
    request.user = "anna";
    request.password = broker::Secret(password);
    request.address = address;
    const auto verdict = desk.verify(
        std::move(request), [this](Verdict each) { answers.push_back(each.reason); }, now);
    if (!verdict) return std::nullopt;
    return verdict->reason;
  }
  /// Does the next task. Returns false if none is due.
  bool work() {
    const auto task = desk.next(now);
    if (!task) return false;
    Match match = Match::no;
    if (task->hashing) {
      ++hashes;
      match = task->hashing->hash.verify(task->hashing->password.text());
    }
    give(desk.finish(task->key, match, now));
    return true;
  }
  void give(LoginDesk::Answers all) {
    for (LoginDesk::Answer& each : all) each.done(std::move(each.verdict));
  }

  AuthenticatorOptions options;
  LoginDesk desk;
  LoginDesk::Time now{1h};
  std::vector<Reason> answers;
  int hashes = 0;
};

TEST_CASE("a right password costs a hash, and none when it comes again", "[login_desk]") {
  Desk desk;
  CHECK_FALSE(desk.ask("right"));
  CHECK(desk.desk.take_needs_thread());
  CHECK(desk.desk.has_task());
  REQUIRE(desk.work());
  CHECK(desk.answers == std::vector{Reason::success});
  CHECK(desk.ask("right") == Reason::success);
  CHECK_FALSE(desk.desk.take_needs_thread());
  CHECK_FALSE(desk.work());
  CHECK(desk.desk.statistics().hashes_computed == 1);
  CHECK(desk.desk.statistics().cache_hits == 1);
}

TEST_CASE("logins with the same credential share a hash, also while it is computed",
          "[login_desk]") {
  Desk desk;
  CHECK_FALSE(desk.ask("right"));
  CHECK_FALSE(desk.ask("right"));
  auto task = desk.desk.next(desk.now);
  REQUIRE(task);
  CHECK_FALSE(desk.ask("right"));
  desk.give(desk.desk.finish(task->key, Match::yes, desk.now));
  CHECK(desk.answers == std::vector(3, Reason::success));
  CHECK(desk.desk.statistics().coalesced == 2);
  CHECK(desk.desk.statistics().waiting == 0);
}

TEST_CASE("a guess after a failure waits for its hash, and longer for its answer", "[login_desk]") {
  Desk desk;
  CHECK_FALSE(desk.ask("wrong"));
  REQUIRE(desk.work());
  CHECK(desk.answers == std::vector{Reason::not_authorized});  // the first one at once
  CHECK_FALSE(desk.ask("wrong, too"));
  CHECK(desk.desk.take_needs_thread());  // a thread has to know when it is due
  CHECK_FALSE(desk.work());
  desk.now = desk.desk.next_due().value();
  REQUIRE(desk.work());
  CHECK(desk.hashes == 2);
  if (desk.answers.size() == 1) {  // the answer has its own time
    desk.now = desk.desk.next_due().value();
    REQUIRE(desk.work());
    CHECK(desk.hashes == 2);
  }
  CHECK(desk.answers == std::vector(2, Reason::not_authorized));
  CHECK(desk.now >= LoginDesk::Time{1h} + desk.options.backoff_first);
  CHECK(desk.desk.statistics().failures == 2);
  CHECK_FALSE(desk.desk.next_due());
}

TEST_CASE("the right password does not wait longer than for its hash", "[login_desk]") {
  Desk desk;
  for (int guess = 0; guess < 6; ++guess) {
    CHECK_FALSE(desk.ask("wrong" + std::to_string(guess)));
    while (desk.answers.size() <= static_cast<std::size_t>(guess)) {
      if (!desk.work()) desk.now = desk.desk.next_due().value();
    }
  }
  const LoginDesk::Time asked = desk.now;
  CHECK_FALSE(desk.ask("right"));
  while (desk.answers.back() != Reason::success) {
    if (!desk.work()) desk.now = desk.desk.next_due().value();
  }
  CHECK(desk.now <= asked + desk.options.hash_delay_max);
}

TEST_CASE("a full queue and too many waiting logins are answered with server busy",
          "[login_desk]") {
  AuthenticatorOptions options;
  options.queued_max = 1;
  Desk queue(options);
  CHECK_FALSE(queue.ask("right"));
  CHECK(queue.ask("another", "192.0.2.2") == Reason::server_busy);
  options = {};
  options.waiting_max = 1;
  Desk bounded(options);
  CHECK_FALSE(bounded.ask("right"));
  CHECK(bounded.ask("right") == Reason::server_busy);
  CHECK(bounded.desk.statistics().refused_busy == 1);
}

TEST_CASE("jobs that are queued or held back are all answered at the end", "[login_desk]") {
  Desk desk;
  CHECK_FALSE(desk.ask("wrong"));
  REQUIRE(desk.work());
  CHECK_FALSE(desk.ask("held back"));
  CHECK_FALSE(desk.ask("right"));
  desk.answers.clear();
  desk.give(desk.desk.abandon());
  CHECK(desk.answers == std::vector(2, Reason::server_shutting_down));
  CHECK(desk.desk.statistics().waiting == 0);
}

}  // namespace
