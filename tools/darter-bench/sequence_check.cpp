#include "tools/darter-bench/sequence_check.h"

namespace bench {

SequenceCheck::Arrival SequenceCheck::arrived_out_of_turn(std::uint32_t sequence) {
  if (sequence < next_) {
    return missing_.erase(sequence) > 0 ? Arrival::reordered : Arrival::duplicate;
  }
  while (next_ < sequence) missing_.insert(missing_.end(), next_++);
  ++next_;
  return Arrival::in_order;
}

}  // namespace bench
