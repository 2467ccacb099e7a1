#include "transport/pending.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace transport {

namespace {

/// Lists one run of bytes, less the bytes that are still to be skipped.
void list(mqtt::Bytes bytes, std::size_t& skip, std::vector<uv_buf_t>& into) {
  const std::size_t skipped = std::min(skip, bytes.size());
  skip -= skipped;
  bytes = bytes.subspan(skipped);
  if (bytes.empty()) return;
  // libuv only reads the bytes that it writes to a socket.
  auto* const base = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  into.push_back(uv_buf_t{base, bytes.size()});
}

}  // namespace

void gather(const broker::Output& output, std::size_t skip, std::vector<uv_buf_t>& into) {
  const mqtt::Bytes bytes = output.bytes.view();
  std::size_t at = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    assert(at <= splice.offset && splice.offset <= bytes.size());  // in order, between the bytes
    list(bytes.subspan(at, splice.offset - at), skip, into);
    list(splice.payload, skip, into);
    at = splice.offset;
  }
  list(bytes.subspan(at), skip, into);
}

void append(broker::Output& output, broker::Output& more) {
  const auto borrowed = [](const broker::Output::Splice& splice) { return !splice.keeper; };
  if (output.bytes.empty() && std::ranges::none_of(more.splices, borrowed)) {
    std::swap(output.bytes, more.bytes);
    std::ranges::move(more.splices, std::back_inserter(output.splices));
    output.spliced_bytes += std::exchange(more.spliced_bytes, 0);
    more.splices.clear();
    return;
  }
  const mqtt::Bytes bytes = more.bytes.view();
  std::size_t at = 0;
  for (broker::Output::Splice& splice : more.splices) {
    assert(at <= splice.offset && splice.offset <= bytes.size());
    output.bytes.append(bytes.subspan(at, splice.offset - at));
    at = splice.offset;
    if (borrowed(splice)) {
      output.bytes.append(splice.payload);
    } else {
      output.spliced_bytes += splice.payload.size();
      output.splices.push_back({output.bytes.size(), splice.payload, std::move(splice.keeper)});
    }
  }
  output.bytes.append(bytes.subspan(at));
  more.splices.clear();
}

}  // namespace transport
