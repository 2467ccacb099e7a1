// persistence/delivery_numbers.h
#pragma once

#include <cstdint>
#include <vector>

#include "persistence/mosquitto_survey.h"

namespace persistence {

/// Numbers deliveries of one session as darter does: a packet identifier is the number modulo
/// 65,535, plus 1.
///
/// Invariant  A client knows the packet identifier of each delivery sent to it and answers with it:
///            those deliveries come first, with numbers that give the same identifiers. The others
///            follow, in their order.
/// Requires   An identifier stands at no more than one delivery that was sent.
void number_deliveries(std::vector<ImportedDelivery>& deliveries, std::uint16_t last_packet_id);

}  // namespace persistence
