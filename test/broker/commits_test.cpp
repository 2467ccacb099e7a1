#include "broker/commits.h"

#include <catch2/catch.hpp>

#include "test/broker/parts.h"

namespace {

using broker::Durability;
using broker::Instant;
using broker::SendRule;

/// A change that has to last.
void change(test::Parts& parts) { parts.ledger.arrived(broker::ForwardKey{1}); }

}  // namespace

TEST_CASE("an acknowledgement waits for the changes that it stands for, and no others",
          "[commits]") {
  test::Parts parts;
  change(parts);
  const auto before = parts.commits.progress();
  CHECK(parts.commits.when_safe(before) == SendRule::after_earlier_held);
  CHECK(parts.commits.when_all_safe() == SendRule::after_commit);
  change(parts);
  CHECK(parts.commits.when_safe(before) == SendRule::after_commit);
}

TEST_CASE("without commit durability nothing waits for the disk", "[commits]") {
  test::Parts parts(Durability::relaxed);
  const auto before = parts.commits.progress();
  change(parts);
  CHECK(parts.commits.when_safe(before) == SendRule::after_earlier_held);
  CHECK(parts.commits.when_all_safe() == SendRule::after_earlier_held);
}

TEST_CASE("one batch is out at a time, and a commit ends it", "[commits]") {
  test::Parts parts;
  CHECK_FALSE(parts.commits.due(Instant{}, true));
  change(parts);
  REQUIRE(parts.commits.due(Instant{}, false));
  const auto batch = parts.commits.take(parts.sessions, parts.retained, Instant{});
  CHECK(batch.arrived.size() == 1);
  change(parts);
  CHECK_FALSE(parts.commits.due(Instant{}, true));
  parts.commits.committed(batch.position);
  CHECK(parts.commits.due(Instant{}, false));
  CHECK(parts.commits.pending());
}

TEST_CASE("with relaxed durability batches are half a second apart, unless there is a hurry",
          "[commits]") {
  test::Parts parts(Durability::relaxed);
  change(parts);
  const auto batch = parts.commits.take(parts.sessions, parts.retained, Instant{1'000});
  parts.commits.committed(batch.position);
  change(parts);
  CHECK_FALSE(parts.commits.due(Instant{1'499}, false));
  CHECK(parts.commits.due(Instant{1'499}, true));
  CHECK(parts.commits.due(Instant{1'500}, false));
}
