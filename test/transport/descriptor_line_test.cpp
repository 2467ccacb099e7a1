#include "transport/descriptor_line.h"

#include <catch2/catch.hpp>

#include "test/transport/fixture.h"

namespace {

using transport::DescriptorLine;

TEST_CASE("a process without descriptors says so once a minute", "[descriptor_line]") {
  DescriptorLine line;
  transport::TestLog log;
  line.write(log, {1'000});
  line.write(log, {1'000});
  line.write(log, {60'999});
  CHECK(log.count("too many open files") == 1);
  line.write(log, {61'000});
  CHECK(log.count("too many open files") == 2);
}

}  // namespace
