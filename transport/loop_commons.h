// transport/loop_commons.h
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "broker/core/log.h"
#include "broker/mailbox.h"
#include "transport/accept_gate.h"
#include "transport/address_table.h"
#include "transport/connection_count.h"
#include "transport/descriptor_line.h"
#include "transport/login.h"
#include "transport/loop_door.h"
#include "transport/proxy_memory.h"
#include "transport/store.h"

namespace transport {

/// All that the loops of a process share.
///
/// Lifetime   Outlives every loop. The functions stay as they are while loops run.
/// Threads    Any; each member says how.
struct LoopCommons {
  LoopCommons(std::uint32_t loops, std::int64_t connections_max, broker::Log& all_log,
              LoginFunction login_function, StoreFunction store_function)
      : log(all_log),
        login(std::move(login_function)),
        store(std::move(store_function)),
        connections(connections_max),
        mailboxes(loops),
        doors(loops) {}

  broker::Log& log;
  LoginFunction login;
  StoreFunction store;  // empty: nothing is stored
  ConnectionCount connections;
  AddressTable addresses;
  ProxyMemory proxies;
  AcceptGate gate;
  DescriptorLine descriptors;
  broker::Mailboxes mailboxes;
  std::vector<LoopDoor> doors;  // one for each loop, by index
};

}  // namespace transport
