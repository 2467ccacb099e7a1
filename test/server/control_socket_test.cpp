#include "broker/server/control_socket.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <expected>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using server::ControlAnswer;
using server::ControlSocket;
using Answer = std::expected<ControlAnswer, std::string>;

/// A configuration file, whose path is what the two sides have in common.
class File {
 public:
  File() {
    const int descriptor = ::mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/control_test_XXXXXX";
};

/// Asks in a thread, and serves until there is an answer.
Answer ask(ControlSocket& control, const File& file, const std::vector<uid_t>& trusted,
           std::atomic<int>& reloads) {
  auto answer = std::async(std::launch::async,
                           [&] { return server::ask_broker(file.path(), {"reload"}, trusted); });
  while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    control.serve(broker::Instant{}, [&](const server::ControlQuestion& question) {
      CHECK(question == server::ControlQuestion{"reload"});
      ++reloads;
      return ControlAnswer{0, "done\n"};
    });
    std::this_thread::yield();
  }
  return answer.get();
}

}  // namespace

TEST_CASE("the broker of a file is asked to reload", "[server]") {
  const File file;
  CHECK_FALSE(server::has_broker(file.path()));
  auto control = ControlSocket::open(file.path());
  REQUIRE(control.has_value());
  CHECK(server::has_broker(file.path()));
  std::atomic<int> reloads = 0;
  const Answer answer = ask(*control, file, {::geteuid()}, reloads);
  REQUIRE(answer.has_value());
  CHECK(answer->exit_status == 0);
  CHECK(answer->text == "done\n");
  CHECK(reloads == 1);
}

// It was believed that the answer is read whenever it was sent. A request that comes after the
// broker has closed cannot be sent, and one that it has not read puts an error before the answer.
TEST_CASE("an asker who is refused is told why, whichever side is faster", "[server]") {
  const File file;
  auto control =
      ControlSocket::open(file.path(), [](const ControlSocket::Asker&) { return false; });
  REQUIRE(control.has_value());
  std::atomic<int> reloads = 0;
  for (int i = 0; i < 100; ++i) {
    const Answer answer = ask(*control, file, {::geteuid()}, reloads);
    REQUIRE(answer.has_value());
    CHECK(answer->exit_status == 1);
    CHECK(answer->text.starts_with("Only root, the user of the broker and the members of "));
  }
  CHECK(reloads == 0);
}

TEST_CASE("members of a group may ask, by the name that it has at the time", "[server]") {
  std::string name = "root";
  const auto may_ask = ControlSocket::is_root_starter_or_in([&name] { return name; });
  const uid_t other = ::geteuid() + 1;
  CHECK(may_ask({0, {}}));
  CHECK(may_ask({::geteuid(), {}}));
  CHECK(may_ask({other, {7, 0}}));
  CHECK_FALSE(may_ask({other, {7}}));
  name = "no such group";
  CHECK_FALSE(may_ask({other, {0}}));
  name.clear();
  CHECK_FALSE(may_ask({other, {0}}));
}

TEST_CASE("the groups of the asker are those of its process", "[server]") {
  const File file;
  ControlSocket::Asker asker;
  auto control = ControlSocket::open(file.path(), [&](const ControlSocket::Asker& each) {
    asker = each;
    return true;
  });
  REQUIRE(control.has_value());
  std::atomic<int> reloads = 0;
  REQUIRE(ask(*control, file, {::geteuid()}, reloads).has_value());
  CHECK(asker.user == ::geteuid());
  CHECK(std::ranges::find(asker.groups, ::getegid()) != asker.groups.end());
}

TEST_CASE("a process of another user that took the name is not asked", "[server]") {
  const File file;
  auto squatter = ControlSocket::open(file.path());
  REQUIRE(squatter.has_value());
  std::atomic<int> reloads = 0;
  const Answer answer = ask(*squatter, file, {::geteuid() + 1}, reloads);
  REQUIRE_FALSE(answer.has_value());
  const std::string process = std::to_string(::getpid());
  CHECK(answer.error().find("process " + process + ") is neither root's, nor yours") !=
        std::string::npos);
  CHECK(answer.error().ends_with("run: kill -HUP " + process));
  CHECK(reloads == 0);
}

TEST_CASE("a broker whose name is taken says by whom", "[server]") {
  const File file;
  const auto first = ControlSocket::open(file.path());
  REQUIRE(first.has_value());
  const auto second = ControlSocket::open(file.path());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().find("SIGHUP can: Address already in use. It is taken by user ") !=
        std::string::npos);
  CHECK(second.error().ends_with(", process " + std::to_string(::getpid()) + "."));
}

TEST_CASE("a long answer comes whole", "[server]") {
  const File file;
  auto control = ControlSocket::open(file.path());
  REQUIRE(control.has_value());
  const std::string text(3'000'000, 'x');
  auto answer = std::async(std::launch::async, [&] {
    return server::ask_broker(file.path(), {"clients", "limit=3"}, {::geteuid()});
  });
  while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    control->serve(broker::Instant{}, [&](const server::ControlQuestion& question) {
      CHECK(question == server::ControlQuestion{"clients", "limit=3"});
      return ControlAnswer{0, text};
    });
    std::this_thread::yield();
  }
  const Answer whole = answer.get();
  REQUIRE(whole.has_value());
  CHECK(whole->text == text);
  CHECK_FALSE(control->waits());
}
