#include "persistence/message_holders.h"

#include <catch2/catch.hpp>

using persistence::MessageHolders;

TEST_CASE("a message has holders until each of them has dropped it", "[holders]") {
  MessageHolders holders;
  CHECK_FALSE(holders.remove(7));  // its only one
  holders.add(7);
  holders.add(7);
  CHECK(holders.remove(7));
  CHECK(holders.remove(7));
  CHECK_FALSE(holders.remove(7));
}

TEST_CASE("a transaction that is rolled back changes no count", "[holders]") {
  MessageHolders holders;
  holders.set(1, 2);
  holders.begin();
  holders.add(1);
  holders.add(2);
  CHECK(holders.remove(1));
  CHECK(holders.remove(1));
  holders.roll_back();
  CHECK_FALSE(holders.remove(2));
  CHECK(holders.remove(1));
  CHECK_FALSE(holders.remove(1));
}

TEST_CASE("a commit is not rolled back", "[holders]") {
  MessageHolders holders;
  holders.begin();
  holders.add(1);
  holders.commit();
  holders.roll_back();
  CHECK(holders.remove(1));
}
