#include "broker/trace/packet_cutter.h"

#include <algorithm>
#include <utility>

#include "broker/wire/framer.h"

namespace trace {
namespace {

constexpr std::size_t header_bytes_max = 5;
constexpr std::size_t buffer_bytes_kept = 1024;  // between two packets

/// Whether no packet begins so.
bool is_no_header(mqtt::Bytes front) {
  if (front.empty()) return false;
  if (std::to_integer<unsigned>(front[0]) >> 4U == 0) return true;
  return front.size() >= header_bytes_max && mqtt::promised_size(front) == 0;
}

}  // namespace

std::optional<CutPacket> PacketCutter::take(mqtt::Bytes& piece) {
  if (std::exchange(given_, false)) {
    if (kept_.capacity() > buffer_bytes_kept) kept_.reset();
    kept_.clear();
    size_bytes_ = come_bytes_ = 0;
  }
  if (broken_ || piece.empty()) {
    piece = {};
    return std::nullopt;
  }
  if (kept_.empty()) {
    if (is_no_header(piece)) {
      give_up(piece);
      piece = {};
      return std::nullopt;
    }
    // Nearly every packet comes in one piece.
    const std::size_t size = mqtt::promised_size(piece);
    if (size != 0 && size <= piece.size()) {
      const CutPacket packet = packet_of(piece.first(size), size);
      piece = piece.subspan(size);
      return packet;
    }
  }
  if (size_bytes_ == 0) size_bytes_ = complete_header(piece);
  if (size_bytes_ == 0) return std::nullopt;
  const std::size_t count = std::min(piece.size(), size_bytes_ - come_bytes_);
  kept_.append(
      piece.first(std::min(count, kept_bytes_max - std::min(kept_.size(), kept_bytes_max))));
  come_bytes_ += count;
  piece = piece.subspan(count);
  if (come_bytes_ < size_bytes_) return std::nullopt;
  given_ = true;
  return packet_of(kept_.view(), size_bytes_);
}

std::size_t PacketCutter::complete_header(mqtt::Bytes& piece) {
  while (!piece.empty()) {
    kept_.append(piece.first(1));
    piece = piece.subspan(1);
    ++come_bytes_;
    if (is_no_header(kept_.view())) {
      broken_ = true;
      piece = {};
      return 0;
    }
    if (const std::size_t size = mqtt::promised_size(kept_.view()); size != 0) return size;
  }
  return 0;
}

CutPacket PacketCutter::packet_of(mqtt::Bytes front, std::size_t size_bytes) {
  std::size_t header_bytes = 2;
  while (header_bytes < header_bytes_max &&
         (std::to_integer<unsigned>(front[header_bytes - 1]) & 0x80U) != 0) {
    ++header_bytes;
  }
  const auto first = std::to_integer<std::uint8_t>(front[0]);
  return {static_cast<mqtt::PacketType>(first >> 4U), static_cast<std::uint8_t>(first & 0x0FU),
          front.subspan(header_bytes), size_bytes, size_bytes - front.size()};
}

void PacketCutter::give_up(mqtt::Bytes bytes) {
  broken_ = true;
  kept_.append(bytes.first(std::min<std::size_t>(bytes.size(), 64)));
}

}  // namespace trace
