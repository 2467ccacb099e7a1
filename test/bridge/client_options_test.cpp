#include "broker/bridge/client_options.h"

#include <catch2/catch.hpp>

TEST_CASE("the shard has no more in flight than the other broker takes, and never most identifiers",
          "[bridge]") {
  const bridge::Options options;
  CHECK(bridge::local_options(options, 20).receive_maximum == 20);
  CHECK(bridge::local_options(options, 65'535).receive_maximum == 16'384);
}
