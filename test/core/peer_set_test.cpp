#include "broker/core/peer_set.h"

#include <catch2/catch.hpp>
#include <vector>

namespace {

using broker::PeerId;
using broker::PeerSet;

std::vector<PeerId> list_of(PeerSet set) {
  std::vector<PeerId> peers;
  set.for_each([&](PeerId peer) { peers.push_back(peer); });
  return peers;
}

TEST_CASE("a set of peers has those that were put in, in the order of the shards", "[peer_set]") {
  PeerSet set;
  CHECK(set.empty());
  set.insert(PeerId{63});
  set.insert(PeerId{0});
  set.insert(PeerId{0});
  CHECK(list_of(set) == std::vector{PeerId{0}, PeerId{63}});
  CHECK(set.contains(PeerId{63}));
  CHECK_FALSE(set.contains(PeerId{1}));
  CHECK(set == PeerSet::of_bits(set.bits()));
}

TEST_CASE("the first shards are a set, up to all that a process can have", "[peer_set]") {
  CHECK(list_of(PeerSet::first(1)) == std::vector{PeerId{0}});
  CHECK(list_of(PeerSet::first(3)) == std::vector{PeerId{0}, PeerId{1}, PeerId{2}});
  CHECK(PeerSet::first(broker::shard_peers_max).bits() == ~std::uint64_t{0});
}

TEST_CASE("sets of peers are joined, cut and taken out of each other", "[peer_set]") {
  const PeerSet three = PeerSet::first(3);
  CHECK(list_of(three - PeerSet(PeerId{1})) == std::vector{PeerId{0}, PeerId{2}});
  CHECK(list_of(three & PeerSet(PeerId{1})) == std::vector{PeerId{1}});
  PeerSet joined(PeerId{5});
  joined |= three;
  CHECK(list_of(joined).size() == 4);
  joined -= three;
  CHECK(joined == PeerSet(PeerId{5}));
}

}  // namespace
