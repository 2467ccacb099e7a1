#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "test/sim/cluster_world.h"

// Sessions of a cluster, before they meet a real NATS: broker/cluster decides, the rest is a model.
// A seed that fails is printed. DARTER_CLUSTER_SEED runs one seed, DARTER_CLUSTER_RUNS so many.

namespace {

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

struct Sum {
  std::size_t deliveries = 0;
  std::size_t takeovers = 0;
  std::size_t deaths = 0;
  std::size_t repeated = 0;
};

void run_seeds(const sim::WorldRules& rules, std::uint64_t runs) {
  const std::uint64_t one = number_of("DARTER_CLUSTER_SEED", 0);
  if (one == 0) runs = number_of("DARTER_CLUSTER_RUNS", runs);
  const std::uint64_t first = one == 0 ? 1 : one;
  const std::uint64_t last = one == 0 ? runs : one;
  Sum sum;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    sim::World world(seed, rules);
    world.run();
    const sim::Oracle& oracle = world.oracle();
    for (const std::string& fault : oracle.faults()) FAIL_CHECK("seed " << seed << ", " << fault);
    if (!oracle.faults().empty()) return;
    sum.deliveries += oracle.deliveries;
    sum.takeovers += oracle.takeovers;
    sum.deaths += oracle.deaths;
    sum.repeated += oracle.repeated_twos;
  }
  CAPTURE(sum.deliveries, sum.takeovers, sum.deaths, sum.repeated);
  // Otherwise nothing was tried.
  CHECK(sum.deliveries > 200 * (last - first + 1) / 2);
  CHECK(sum.takeovers >= last - first + 1);
  if (runs >= 100 && one == 0) {
    CHECK(sum.deaths > runs);
    CHECK(sum.repeated > 0);
  }
}

/// Whether one of some seeds shows a fault.
bool is_found(const sim::WorldRules& rules, std::uint64_t count) {
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    sim::World world(seed, rules);
    world.run();
    if (!world.oracle().faults().empty()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("sessions that move between nodes lose nothing, whatever fails", "[cluster]") {
  run_seeds({}, 1000);
}

TEST_CASE("a node that is cut off may deliver to clients that it has", "[cluster]") {
  sim::WorldRules rules;
  rules.node.delivers_without_lease = true;
  run_seeds(rules, 400);
}

TEST_CASE("two nodes are enough, and five are not too many", "[cluster]") {
  sim::WorldRules rules;
  rules.nodes = 2;
  run_seeds(rules, 200);
  rules.nodes = 5;
  rules.clients = 8;
  run_seeds(rules, 100);
}

TEST_CASE("the oracle finds a rule that is left out", "[cluster]") {
  using sim::Mutant;
  const auto mutant = GENERATE(values<Mutant>({
      Mutant::no_barrier,
      Mutant::no_lease,
      Mutant::no_comparison,
      Mutant::late_watch,
      Mutant::early_release,
      Mutant::reused_numbers,
      Mutant::late_acks,
      Mutant::early_image,
      Mutant::many_batches,
  }));
  CAPTURE(static_cast<int>(mutant));
  sim::WorldRules rules;
  rules.node.mutant = mutant;
  // Many watches have to be late for a change to be replaced before it is shown.
  if (mutant == Mutant::late_watch) rules.late_per_thousand = 60;
  CHECK(is_found(rules, 200));
}
