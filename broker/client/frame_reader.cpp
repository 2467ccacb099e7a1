#include "broker/client/frame_reader.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace client {
namespace {

/// A buffer that was larger once is not kept.
constexpr std::size_t tail_bytes_kept = 65'536;

}  // namespace

void FrameReader::feed(mqtt::Bytes piece) {
  assert(piece_.empty());
  piece_ = piece;
}

mqtt::Decoded<std::optional<mqtt::Frame>> FrameReader::next(std::size_t packet_bytes_max,
                                                            mqtt::Version version) {
  if (tail_given_) drop_tail();
  while (!tail_.empty()) {
    if (!fill_tail()) return std::nullopt;
    auto frame = mqtt::next_frame(tail_.view(), packet_bytes_max, version);
    tail_given_ = frame && *frame;
    if (!frame || *frame) return frame;
  }
  auto frame = mqtt::next_frame(piece_, packet_bytes_max, version);
  if (!frame) return frame;
  if (*frame) {
    piece_ = piece_.subspan((*frame)->size_bytes);
  } else {
    tail_.append(piece_);
    piece_ = {};
  }
  return frame;
}

bool FrameReader::fill_tail() {
  const std::size_t count = std::min(mqtt::bytes_missing(tail_.view()), piece_.size());
  tail_.append(piece_.first(count));
  piece_ = piece_.subspan(count);
  return count > 0;
}

void FrameReader::drop_tail() noexcept {
  tail_given_ = false;
  if (tail_.capacity() > tail_bytes_kept) {
    tail_.reset();
  } else {
    tail_.clear();
  }
}

void FrameReader::keep() {
  mqtt::ByteBuffer copy;
  copy.append(piece_);
  kept_ = std::move(copy);
  piece_ = kept_.view();
}

void FrameReader::reset() noexcept {
  piece_ = {};
  kept_.reset();
  tail_.reset();
  tail_given_ = false;
}

}  // namespace client
