#pragma once

#include <cstddef>
#include <string>

#include "broker/core/outbox.h"
#include "broker/wire/bytes.h"

namespace test {

/// The bytes of an output, spliced payloads included, as a socket takes them.
inline std::string stream_of(const broker::Output& output) {
  std::string stream;
  std::size_t at = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    stream += mqtt::as_text(output.bytes.view().subspan(at, splice.offset - at));
    stream += mqtt::as_text(splice.payload);
    at = splice.offset;
  }
  stream += mqtt::as_text(output.bytes.view().subspan(at));
  return stream;
}

}  // namespace test
