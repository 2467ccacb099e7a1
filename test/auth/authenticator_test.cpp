#include "auth/authenticator.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "auth/realm.h"

namespace {

using auth::Authenticator;
using auth::AuthenticatorOptions;
using auth::Match;
using auth::PasswordHash;
using auth::Realm;
using auth::RealmId;
using broker::LoginRequest;
using broker::Verdict;
using mqtt::Reason;

constexpr RealmId realm{0};
constexpr std::chrono::seconds long_enough{30};

/// A folder with a password file and an ACL file, and realms made from them.
class Files {
 public:
  Files() {
    std::string name = "/tmp/auth_test_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() {
    for (const char* name : {"/users", "/acl"}) ::unlink((folder_ + name).c_str());
    ::rmdir(folder_.c_str());
  }

  /// Writes the users, each with a cheap hash of his password.
  void users(const std::vector<std::pair<std::string, std::string>>& users) {
    std::string text;
    for (const auto& [user, password] : users) text += user + ":" + hash_of(password) + "\n";
    write("/users", text);
  }
  void acl(const std::string& text) { write("/acl", text); }

  [[nodiscard]] std::shared_ptr<const Realm> load(bool allow_anonymous = false) const {
    const auto there = [&](const std::string& name) {
      return ::access((folder_ + name).c_str(), F_OK) == 0 ? folder_ + name : std::string();
    };
    auto made = Realm::load({.password_file = there("/users"),
                             .acl_file = there("/acl"),
                             .allow_anonymous = allow_anonymous});
    REQUIRE(made.has_value());
    return *made;
  }

  static std::string hash_of(const std::string& password) {
    // One salt for all, so that a user's line stays the same if his password does.
    static const std::string salted = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";
    return salted + (password + std::string(22, 'A')).substr(0, 21) + "A";
  }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + name) << text;
    ::chmod((folder_ + name).c_str(), 0600);
  }
  std::string folder_;
};

/// Stands in for hashing: "right" if the hash was made by Files::hash_of() from that password. It
/// counts, and can be stopped at the gate.
class FakeHash {
 public:
  Match operator()(const PasswordHash& hash, std::string_view password) {
    std::unique_lock lock(mutex_);
    ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    if (password == "broken") return Match::failed;
    return hash.text() == Files::hash_of(std::string(password)) ? Match::yes : Match::no;
  }
  void close() { set(false); }
  void open() { set(true); }
  void wait_until_entered(int count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, long_enough, [&] { return entered_ >= count; }));
  }
  int entered() {
    const std::scoped_lock lock(mutex_);
    return entered_;
  }

 private:
  void set(bool open) {
    const std::scoped_lock lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int entered_ = 0;
};

/// Collects answers that come from threads.
class Answers {
 public:
  broker::LoginDone next() {
    return [this](Verdict answer) {
      const std::scoped_lock lock(mutex_);
      answers_.push_back(std::move(answer));
      changed_.notify_all();
    };
  }
  std::vector<Verdict> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, long_enough, [&] { return answers_.size() >= count; }));
    return answers_;
  }
  std::size_t count() {
    const std::scoped_lock lock(mutex_);
    return answers_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Verdict> answers_;
};

LoginRequest login(std::optional<std::string> user, std::optional<std::string> password,
                   std::string address = "192.0.2.1") {
  LoginRequest request;
  request.listener = static_cast<std::uint16_t>(realm);
  request.user = std::move(user);
  if (password) request.password = broker::Secret(std::string_view(*password));
  request.address = std::move(address);
  return request;
}

/// An authenticator with a fake hash and one realm with the users alice and bob.
struct Fixture {
  explicit Fixture(AuthenticatorOptions options = {}) {
    options.verify = [this](const PasswordHash& known, std::string_view password) {
      return hash(known, password);
    };
    if (options.threads == 0) options.threads = 2;
    files.users({{"alice", "secret"}, {"bob", "hunter2"}});
    authenticator = std::make_unique<Authenticator>(std::move(options));
    (void)authenticator->replace_realms({files.load()});
  }
  ~Fixture() { hash.open(); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  /// Logs in and waits for the answer, wherever it comes from.
  Verdict ask(LoginRequest request) {
    auto late = std::make_shared<Answers>();
    if (auto answer = authenticator->verify(std::move(request), late->next())) return *answer;
    return late->wait_for(1).front();
  }
  bool starts(LoginRequest request) {
    return !authenticator->verify(std::move(request), answers.next()).has_value();
  }

  Files files;
  FakeHash hash;
  Answers answers;
  std::unique_ptr<Authenticator> authenticator;
};

AuthenticatorOptions patient() {
  AuthenticatorOptions options;
  options.backoff_first = std::chrono::hours(1);
  options.backoff_max = std::chrono::hours(1);
  options.hash_delay_max = std::chrono::hours(4);
  return options;
}

}  // namespace

// What mosquitto 2.0.11 answers: 5 before 5.0, 0x87 in 5.0, for every refusal.
TEST_CASE("logins without a hash to compute are judged as Mosquitto judges them",
          "[authenticator]") {
  const auto [password_file, anonymous, user, password, admitted] =
      GENERATE(table<bool, bool, std::optional<std::string>, std::optional<std::string>, bool>({
          {true, true, std::nullopt, std::nullopt, true},
          {true, true, std::nullopt, "secret", true},
          {true, true, "", "", true},
          {true, true, "alice", std::nullopt, false},
          {true, true, "alice", "", false},
          {true, true, "empty", "", false},
          {true, false, "empty", "", false},
          {false, true, "alice", "", true},
          {true, true, "zed", std::nullopt, false},
          {false, true, "alice", "secret", true},
          {false, true, "alice", std::nullopt, true},
          {false, true, std::nullopt, std::nullopt, true},
          {true, false, std::nullopt, std::nullopt, false},
          {true, false, std::nullopt, "secret", false},
          {true, false, "", "", false},
          {true, false, "alice", std::nullopt, false},
          {false, false, "alice", "secret", false},
          {false, false, std::nullopt, std::nullopt, false},
      }));
  CAPTURE(password_file, anonymous, user.value_or("(none)"), password.value_or("(none)"));
  Files files;
  if (password_file) files.users({{"alice", "secret"}, {"empty", ""}});
  Authenticator authenticator({.threads = 1, .verify = {}});
  (void)authenticator.replace_realms({files.load(anonymous)});
  const auto answer = authenticator.verify(login(user, password), [](const Verdict&) {});
  REQUIRE(answer.has_value());
  CHECK(answer->reason == (admitted ? Reason::success : Reason::not_authorized));
  CHECK(answer->why.empty() == admitted);
  CHECK(answer->permissions == nullptr);
}

TEST_CASE("right and wrong passwords and unknown users get their answers", "[authenticator]") {
  const auto [user, password, reason,
              why] = GENERATE(table<std::string, std::string, Reason, std::string>({
      {"alice", "secret", Reason::success, ""},
      {"alice", "Secret", Reason::not_authorized, "wrong password"},
      {"alice", "hunter2", Reason::not_authorized, "wrong password"},
      {"zed", "secret", Reason::not_authorized, "unknown user"},
      {"alice", "broken", Reason::server_unavailable, "the password hash could not be computed"},
  }));
  Fixture fixture;
  const Verdict answer = fixture.ask(login(user, password));
  CHECK(answer.reason == reason);
  CHECK(answer.why == why);
  CHECK(fixture.hash.entered() == 1);  // for unknown users too: the time must not tell
}

TEST_CASE("the real hash is used unless a test replaces it", "[authenticator]") {
  Files files;
  files.users({{"alice", "secret"}});
  Authenticator authenticator({.threads = 1, .verify = {}});
  (void)authenticator.replace_realms({files.load()});
  Answers answers;
  REQUIRE_FALSE(authenticator.verify(login("alice", "secret"), answers.next()).has_value());
  // The stored hash is made up, so no password fits it.
  CHECK(answers.wait_for(1).front().reason == Reason::not_authorized);
}

TEST_CASE("the memory of a hash is kept for the next one, and returned when nobody comes",
          "[authenticator]") {
  Files files;
  files.users({{"alice", "secret"}});
  Authenticator authenticator({.threads = 1, .verify = {}});
  (void)authenticator.replace_realms({files.load()});
  Answers answers;
  std::size_t kept_bytes = 0;
  auto done = [&, next = answers.next()](Verdict answer) mutable {
    kept_bytes = authenticator.statistics().hash_memory_bytes;
    next(std::move(answer));
  };
  REQUIRE_FALSE(authenticator.verify(login("alice", "secret"), std::move(done)).has_value());
  answers.wait_for(1);
  CHECK(kept_bytes > 0);
  const auto deadline = std::chrono::steady_clock::now() + long_enough;
  while (authenticator.statistics().hash_memory_bytes > 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_CASE("a hundred logins with one credential cost one hash", "[authenticator]") {
  Fixture fixture;
  fixture.hash.close();
  std::vector<std::thread> loops;
  std::atomic<int> started = 0;
  for (int loop = 0; loop < 4; ++loop) {
    loops.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        if (fixture.starts(login("alice", "secret", "192.0.2." + std::to_string(i)))) ++started;
      }
    });
  }
  for (std::thread& loop : loops) loop.join();
  CHECK(started == 100);
  CHECK(fixture.authenticator->statistics().waiting == 100);
  CHECK(fixture.authenticator->statistics().coalesced == 99);
  fixture.hash.open();
  for (const Verdict& answer : fixture.answers.wait_for(100)) {
    CHECK(answer.reason == Reason::success);
  }
  CHECK(fixture.hash.entered() == 1);

  // And from now on none at all.
  const auto known =
      fixture.authenticator->verify(login("alice", "secret"), fixture.answers.next());
  REQUIRE(known.has_value());
  CHECK(known->reason == Reason::success);
  CHECK(fixture.authenticator->statistics().cache_hits == 1);
  CHECK(fixture.authenticator->statistics().waiting == 0);
}

TEST_CASE("the cache forgets what was not used for longest", "[authenticator]") {
  AuthenticatorOptions options;
  options.cached_max = 1;
  Fixture fixture(std::move(options));
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.ask(login("bob", "hunter2")).reason == Reason::success);
  CHECK(fixture.ask(login("bob", "hunter2")).reason == Reason::success);
  CHECK(fixture.hash.entered() == 2);
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.hash.entered() == 3);
}

TEST_CASE("a full queue answers server busy at once", "[authenticator]") {
  AuthenticatorOptions options;
  options.threads = 1;
  options.queued_max = 2;
  Fixture fixture(std::move(options));
  fixture.hash.close();
  REQUIRE(fixture.starts(login("alice", "0", "192.0.2.0")));
  fixture.hash.wait_until_entered(1);
  REQUIRE(fixture.starts(login("alice", "1", "192.0.2.1")));
  REQUIRE(fixture.starts(login("alice", "2", "192.0.2.2")));
  const auto answer =
      fixture.authenticator->verify(login("alice", "3", "192.0.2.3"), fixture.answers.next());
  REQUIRE(answer.has_value());
  CHECK(answer->reason == Reason::server_busy);
  CHECK(answer->why == "too many logins are waiting");
  CHECK(fixture.starts(login("alice", "2", "192.0.2.3")));  // joins what is queued
  CHECK(fixture.authenticator->statistics().refused_busy == 1);
  fixture.hash.open();
  CHECK(fixture.answers.wait_for(4).size() == 4);
}

TEST_CASE("waiting logins are bounded in number and bytes", "[authenticator]") {
  AuthenticatorOptions options;
  const bool by_bytes = GENERATE(true, false);
  (by_bytes ? options.waiting_bytes_max : options.waiting_max) = 1;
  Fixture fixture(std::move(options));
  fixture.hash.close();
  REQUIRE(fixture.starts(login("alice", "secret")));
  const auto answer =
      fixture.authenticator->verify(login("alice", "secret"), fixture.answers.next());
  REQUIRE(answer.has_value());
  CHECK(answer->reason == Reason::server_busy);
}

TEST_CASE("a pair that failed waits, others do not, and no thread is kept", "[authenticator]") {
  AuthenticatorOptions options = patient();
  options.threads = 1;
  options.held_for_hash_max = 2;
  Fixture fixture(std::move(options));
  CHECK(fixture.ask(login("alice", "wrong")).reason == Reason::not_authorized);
  REQUIRE(fixture.starts(login("alice", "guess 1")));
  REQUIRE(fixture.starts(login("alice", "guess 2")));
  CHECK(fixture.authenticator->statistics().held == 2);
  CHECK(fixture.hash.entered() == 1);
  const auto answer =
      fixture.authenticator->verify(login("alice", "guess 3"), fixture.answers.next());
  REQUIRE(answer.has_value());
  CHECK(answer->reason == Reason::server_busy);
  CHECK(answer->why == "too many failed logins");

  CHECK(fixture.ask(login("bob", "hunter2")).reason == Reason::success);
  CHECK(fixture.ask(login("alice", "secret", "192.0.2.2")).reason == Reason::success);
  // The credential is known now, so even the failing pair need not wait with it.
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.answers.count() == 0);
}

TEST_CASE("the right password does not wait for the answers to wrong ones", "[authenticator]") {
  AuthenticatorOptions options = patient();
  options.threads = 1;
  options.hash_delay_max = std::chrono::milliseconds(4);
  Fixture fixture(std::move(options));
  CHECK(fixture.ask(login("alice", "wrong")).reason == Reason::not_authorized);
  // Neither to one that is found wrong now, nor to one that is known to be wrong.
  REQUIRE(fixture.starts(login("alice", "guess")));
  REQUIRE(fixture.starts(login("alice", "wrong")));
  fixture.hash.wait_until_entered(2);
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.hash.entered() == 3);
  CHECK(fixture.answers.count() == 0);
  CHECK(fixture.authenticator->statistics().held == 2);
}

TEST_CASE("answers to wrong passwords are held in a bounded number", "[authenticator]") {
  AuthenticatorOptions options = patient();
  options.threads = 1;
  options.hash_delay_max = std::chrono::milliseconds(0);
  options.held_for_answer_max = 2;
  Fixture fixture(std::move(options));
  CHECK(fixture.ask(login("alice", "wrong")).reason == Reason::not_authorized);
  for (const char* guess : {"guess 1", "guess 2"}) {
    REQUIRE(fixture.starts(login("alice", guess)));
  }
  fixture.hash.wait_until_entered(3);
  // One more is told at once, whether it is found wrong now or is known to be wrong.
  CHECK(fixture.ask(login("alice", "guess 3")).why == "wrong password");
  CHECK(fixture.ask(login("alice", "wrong")).why == "wrong password");
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.answers.count() == 0);
}

TEST_CASE("a held login is answered when its time comes", "[authenticator]") {
  AuthenticatorOptions options;
  options.backoff_first = std::chrono::milliseconds(20);
  Fixture fixture(std::move(options));
  const auto before = std::chrono::steady_clock::now();
  CHECK(fixture.ask(login("alice", "wrong 1")).reason == Reason::not_authorized);
  CHECK(fixture.ask(login("alice", "wrong 2")).reason == Reason::not_authorized);
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(60));
  CHECK(fixture.hash.entered() == 3);
  // Forgiven: the next mistake is answered at once again.
  CHECK(fixture.ask(login("alice", "wrong 3")).reason == Reason::not_authorized);
}

TEST_CASE("somebody who need not wait takes along those who wait", "[authenticator]") {
  Fixture fixture(patient());
  CHECK(fixture.ask(login("alice", "wrong")).reason == Reason::not_authorized);
  REQUIRE(fixture.starts(login("alice", "secret")));
  CHECK(fixture.authenticator->statistics().held == 1);
  REQUIRE(fixture.starts(login("alice", "secret", "192.0.2.2")));
  for (const Verdict& answer : fixture.answers.wait_for(2)) {
    CHECK(answer.reason == Reason::success);
  }
  CHECK(fixture.authenticator->statistics().held == 0);
}

TEST_CASE("a wrong credential is remembered: repeating it costs no hash", "[authenticator]") {
  AuthenticatorOptions options;
  options.backoff_first = std::chrono::milliseconds(1);
  Fixture fixture(std::move(options));
  for (int i = 0; i < 4; ++i) {
    const Verdict answer = fixture.ask(login("alice", "wrong"));
    CHECK(answer.reason == Reason::not_authorized);
    CHECK(answer.why == "wrong password");
  }
  CHECK(fixture.hash.entered() == 1);
  CHECK(fixture.authenticator->statistics().failures == 4);
}

TEST_CASE("a failure of the machine is not remembered as a wrong password", "[authenticator]") {
  AuthenticatorOptions options;
  options.backoff_first = std::chrono::milliseconds(1);
  Fixture fixture(std::move(options));
  CHECK(fixture.ask(login("alice", "broken")).reason == Reason::server_unavailable);
  CHECK(fixture.ask(login("alice", "broken")).reason == Reason::server_unavailable);
  CHECK(fixture.hash.entered() == 2);
}

TEST_CASE("users of one name share one sheet of permissions", "[authenticator]") {
  Fixture fixture;
  fixture.files.acl("user alice\ntopic read a/#\npattern p/%u/%c\n");
  (void)fixture.authenticator->replace_realms({fixture.files.load()});
  const auto first = fixture.ask(login("alice", "secret")).permissions;
  const auto second = fixture.ask(login("alice", "secret")).permissions;
  REQUIRE(first != nullptr);
  CHECK(first == second);
  CHECK(first == fixture.authenticator->permissions(realm, "alice"));
  CHECK(first->allows(broker::Access::receive, "a/1", {"c"}));
  CHECK(first->allows(broker::Access::publish, "p/alice/c", {"c"}));
  CHECK_FALSE(first->allows(broker::Access::publish, "a/1", {"c"}));
  CHECK(fixture.ask(login("bob", "hunter2")).permissions != first);
}

TEST_CASE("a reload says whose record changed and keeps what did not", "[authenticator]") {
  Fixture fixture;
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::success);
  CHECK(fixture.ask(login("bob", "hunter2")).reason == Reason::success);
  CHECK(fixture.hash.entered() == 2);

  fixture.files.users({{"alice", "secret"}, {"bob", "other"}, {"carol", "new"}});
  fixture.files.acl("topic x\n");
  const auto changes = fixture.authenticator->replace_realms({fixture.files.load(true)});
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].users == std::vector<std::string>{"bob"});
  CHECK(changes[0].access_changed);
  CHECK_FALSE(changes[0].anonymous_refused);

  const Verdict alice = fixture.ask(login("alice", "secret"));
  CHECK(alice.reason == Reason::success);
  CHECK(fixture.hash.entered() == 2);  // her line did not change
  CHECK(fixture.ask(login("bob", "hunter2", "192.0.2.9")).reason == Reason::not_authorized);
  CHECK(fixture.ask(login("bob", "other", "192.0.2.8")).reason == Reason::success);

  const auto gone = fixture.authenticator->replace_realms({});
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].users == std::vector<std::string>{"alice", "bob", "carol"});
  CHECK(gone[0].anonymous_refused);
  CHECK(fixture.ask(login("alice", "secret")).reason == Reason::not_authorized);
  CHECK_FALSE(fixture.authenticator->permissions(realm, "alice")
                  ->allows(broker::Access::receive, "x", {"c"}));
}

TEST_CASE("a login under way is judged by the realm that is there when it ends",
          "[authenticator]") {
  Fixture fixture;
  fixture.hash.close();
  REQUIRE(fixture.starts(login("alice", "secret")));
  fixture.hash.wait_until_entered(1);
  fixture.files.users({{"bob", "hunter2"}});
  (void)fixture.authenticator->replace_realms({fixture.files.load()});
  fixture.hash.open();
  const Verdict answer = fixture.answers.wait_for(1).front();
  CHECK(answer.reason == Reason::not_authorized);
  CHECK(answer.why == "the password file changed meanwhile");
}

TEST_CASE("losing the password file or anonymous access names who has to go", "[authenticator]") {
  Files files;
  const auto open_to_all = files.load(true);
  files.users({{"alice", "secret"}});
  const auto with_users = files.load(true);
  const auto users_only = files.load(false);
  CHECK(open_to_all->unchecked_refused_in(*with_users));
  CHECK_FALSE(open_to_all->anonymous_refused_in(*with_users));
  CHECK_FALSE(with_users->unchecked_refused_in(*users_only));
  CHECK(with_users->anonymous_refused_in(*users_only));
  CHECK(with_users->users_changed_in(*open_to_all).empty());
  CHECK(with_users->users_changed_in(*Realm::nobody()) == std::vector<std::string>{"alice"});
}

TEST_CASE("whoever waits at the end hears that the server shuts down", "[authenticator]") {
  Fixture fixture(patient());
  CHECK(fixture.ask(login("alice", "wrong")).reason == Reason::not_authorized);
  REQUIRE(fixture.starts(login("alice", "held back")));
  fixture.authenticator.reset();
  const auto answers = fixture.answers.wait_for(1);
  CHECK(answers.front().reason == Reason::server_shutting_down);
}

TEST_CASE("many threads at once do no harm", "[authenticator]") {
  AuthenticatorOptions options;
  options.backoff_first = std::chrono::milliseconds(1);
  options.backoff_max = std::chrono::milliseconds(2);
  options.held_for_hash_max = 1000;
  Fixture fixture(std::move(options));
  const auto reloaded = fixture.files.load();
  std::atomic<std::size_t> late = 0;
  std::vector<std::thread> loops;
  for (int loop = 0; loop < 4; ++loop) {
    loops.emplace_back([&, loop] {
      for (int i = 0; i < 100; ++i) {
        const bool right = i % 3 != 0;
        if (fixture.starts(login(i % 2 == 0 ? "alice" : "zed",
                                 right ? "secret" : "wrong " + std::to_string(i % 20),
                                 "192.0.2." + std::to_string(loop)))) {
          ++late;
        }
        if (i % 25 == 0) (void)fixture.authenticator->replace_realms({reloaded});
        (void)fixture.authenticator->permissions(realm, "alice");
      }
    });
  }
  for (std::thread& loop : loops) loop.join();
  CHECK(fixture.answers.wait_for(late).size() == late);
  const auto statistics = fixture.authenticator->statistics();
  CHECK(statistics.waiting == 0);
  CHECK(statistics.held == 0);
}
