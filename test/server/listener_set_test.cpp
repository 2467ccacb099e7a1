#include "broker/server/listener_set.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "auth/realm.h"

namespace {

using server::ListenerEntry;
using server::ListenerSet;
using transport::TlsContext;

class NoLog : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// A context of TLS-PSK.
std::shared_ptr<const TlsContext> make_context() {
  std::string path = "/tmp/listener_set_test_XXXXXX";
  const int file = ::mkstemp(path.data());
  REQUIRE(file >= 0);
  ::close(file);
  std::ofstream(path) << "ann:0102\n";
  transport::TlsOptions options;
  options.psk_file = path;
  options.psk_hint = "hint";
  auto context = TlsContext::load(options, transport::Protocol::mqtt);
  ::unlink(path.c_str());
  REQUIRE(context.has_value());
  return std::move(*context);
}

/// A listener on a loopback address of its own, at a free port.
ListenerEntry entry(const std::string& address, std::shared_ptr<const TlsContext> tls) {
  ListenerEntry made;
  made.configured.options.address = address;
  made.configured.options.port = 0;
  made.configured.options.tls = tls != nullptr;
  made.tls = std::move(tls);
  return made;
}

void put(ListenerSet& set, std::vector<ListenerEntry> entries) {
  auto staged = set.stage(std::move(entries));
  REQUIRE(staged.has_value());
  set.commit(std::move(*staged));
}

TEST_CASE("a listener and its entry have the same TLS context", "[listener_set]") {
  NoLog log;
  ListenerSet set(log);
  const auto first = make_context();
  put(set, {entry("127.0.0.2", first), entry("127.0.0.3", nullptr)});
  REQUIRE(set.listeners().size() == 2);
  CHECK(set.listeners()[0]->tls() == first);
  CHECK(set.entry_of(*set.listeners()[0]).tls == first);
  CHECK(set.listeners()[1]->tls() == nullptr);

  // A renewal, and a reload that keeps the listener.
  const auto second = make_context();
  set.renew_tls({second, nullptr});
  CHECK(set.listeners()[0]->tls() == second);
  CHECK(set.entry_of(*set.listeners()[0]).tls == second);
  const auto third = make_context();
  const auto kept = set.listeners()[0];
  auto staged = set.stage({entry("127.0.0.2", third), entry("127.0.0.3", nullptr)});
  REQUIRE(staged.has_value());
  CHECK(kept->tls() == second);  // nothing is in force before commit()
  set.commit(std::move(*staged));
  CHECK(set.listeners()[0] == kept);
  CHECK(kept->tls() == third);
}

TEST_CASE("a new listener has its TLS context before a loop can accept from it", "[listener_set]") {
  NoLog log;
  ListenerSet set(log);
  const auto context = make_context();
  const auto staged = set.stage({entry("127.0.0.2", context)});
  REQUIRE(staged.has_value());
  CHECK(staged->listeners[0]->tls() == context);
}

TEST_CASE("no keys are kept of a listener that is gone, while its number is", "[listener_set]") {
  NoLog log;
  ListenerSet set(log);
  auto context = make_context();
  const std::weak_ptr<const TlsContext> watched = context;
  put(set, {entry("127.0.0.2", std::exchange(context, nullptr))});
  CHECK_FALSE(watched.expired());
  put(set, {entry("127.0.0.3", nullptr)});
  CHECK(watched.expired());
  REQUIRE(set.entries().size() == 3);  // the number between them is that of bridges
  CHECK(set.listeners()[0]->options().index == 2);
}

TEST_CASE("the broker's own bridges have one number for ever, and everybody's rights",
          "[listener_set]") {
  NoLog log;
  ListenerSet set(log);
  put(set, {entry("127.0.0.2", nullptr), entry("127.0.0.3", nullptr)});
  CHECK(number_of_bridges(set.entries()) == 2);
  put(set, {entry("127.0.0.4", nullptr)});
  CHECK(number_of_bridges(set.entries()) == 2);
  const ListenerEntry& bridges = set.entries()[2];
  CHECK(bridges.configured.policy.open_to_all);
  REQUIRE(bridges.realm != nullptr);
  CHECK(bridges.realm->permissions("anybody") == nullptr);
  CHECK(set.listeners().size() == 1);
}

}  // namespace
