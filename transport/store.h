// transport/store.h
#pragma once

#include <functional>

#include "broker/core/ids.h"
#include "broker/core/journal.h"

namespace transport {

/// Takes a batch of a shard to be stored. Loops::committed() is to be called when it is on disk;
/// until then the shard gives no other batch. Empty: nothing is stored.
///
/// Threads    Called on the loops' threads, on several at a time. It must not block.
using StoreFunction = std::function<void(broker::ShardIndex shard, broker::JournalBatch batch)>;

}  // namespace transport
