#include "broker/core/session_table.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <string>

using broker::Session;
using broker::SessionIndex;
using broker::SessionTable;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

}  // namespace

TEST_CASE("a session is found by its client identifier and by its index", "[session_table]") {
  SessionTable table(hash_key);
  Session& session = table.create("client");
  CHECK(table.find("client") == &session);
  CHECK(table.find("Client") == nullptr);
  CHECK(&table.at(session.index) == &session);
  CHECK(table.at(session.index, session.number) == &session);
  CHECK(table.at(session.index, session.number + 1) == nullptr);
  CHECK(table.at(SessionIndex{1000}, session.number) == nullptr);
  CHECK(table.size() == 1);
}

TEST_CASE("a retired session keeps its index, and its identifier is free", "[session_table]") {
  SessionTable table(hash_key);
  Session& old = table.create("client");
  table.retire(old);
  CHECK(table.find("client") == nullptr);
  CHECK(&table.at(old.index) == &old);
  const Session& next = table.create("client");
  CHECK(next.index != old.index);
  CHECK(table.find("client") == &next);
  CHECK(table.size() == 1);
}

TEST_CASE("an index that is used again has another number", "[session_table]") {
  SessionTable table(hash_key);
  Session& old = table.create("old");
  const SessionIndex index = old.index;
  const std::uint64_t number = old.number;
  table.retire(old);
  table.erase(old);
  CHECK(table.at(index, number) == nullptr);
  const Session& next = table.create("next");
  CHECK(next.index == index);
  CHECK(next.number != number);
  CHECK(table.at(index, number) == nullptr);
}

TEST_CASE("a walk sees each session, and may erase the one it is given", "[session_table]") {
  SessionTable table(hash_key);
  for (int i = 0; i < 50; ++i) table.create(std::to_string(i));
  std::set<std::string> seen;
  table.for_each([&](Session& session) {
    seen.emplace(session.client_id.view());
    table.retire(session);
    table.erase(session);
  });
  CHECK(seen.size() == 50);
  CHECK(table.size() == 0);
  CHECK(table.places() == 50);
  for (std::size_t place = 0; place < table.places(); ++place) {
    CHECK(table.at_place(place) == nullptr);
  }
}

TEST_CASE("how much waits for all sessions is known without a walk", "[session_table]") {
  SessionTable table(hash_key);
  for (const char* const id : {"a", "b", "c"}) {
    broker::Delivery delivery;
    delivery.message = broker::MessageRef::copy_of(
        {"t", mqtt::as_bytes("123456789"), {}, mqtt::Qos::at_least_once, false, {}});
    delivery.qos = mqtt::Qos::at_least_once;
    table.create(id).outgoing_part().push_backlog(std::move(delivery));
  }
  CHECK(table.queued() == broker::Queued{3, 30});
  CHECK(table.recount() == table.queued());
  Session& gone = *table.find("b");
  table.retire(gone);
  CHECK(table.queued().messages == 3);
  table.erase(gone);
  CHECK(table.queued() == broker::Queued{2, 20});
  CHECK(table.recount() == table.queued());
}
