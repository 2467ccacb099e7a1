#include "transport/pending.h"

#include <algorithm>
#include <utility>

namespace transport {

namespace {

/// Lists one run of bytes, less what is still to be skipped.
void list(mqtt::Bytes bytes, std::size_t& skip, std::vector<uv_buf_t>& into) {
  const std::size_t skipped = std::min(skip, bytes.size());
  skip -= skipped;
  bytes = bytes.subspan(skipped);
  if (bytes.empty()) return;
  // libuv only reads what it writes to a socket.
  auto* const base = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  into.push_back(uv_buf_t{base, bytes.size()});
}

}  // namespace

void gather(const broker::Output& output, std::size_t skip, std::vector<uv_buf_t>& into) {
  const mqtt::Bytes bytes = output.bytes.view();
  std::size_t at = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    list(bytes.subspan(at, splice.offset - at), skip, into);
    list(splice.message->payload(), skip, into);
    at = splice.offset;
  }
  list(bytes.subspan(at), skip, into);
}

void append(broker::Output& output, broker::Output& more) {
  const std::size_t before = output.bytes.size();
  if (before == 0) {
    std::swap(output.bytes, more.bytes);
  } else {
    output.bytes.append(more.bytes.view());
  }
  for (broker::Output::Splice& splice : more.splices) {
    output.splices.push_back({before + splice.offset, std::move(splice.message)});
  }
  output.spliced_bytes += more.spliced_bytes;
  more.splices.clear();
}

}  // namespace transport
