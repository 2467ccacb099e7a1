#include "broker/core/level_table.h"

#include <array>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>

#include "broker/wire/topic.h"

namespace broker {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t first_factor = 0xA0761D6478BD642FU;
constexpr std::uint64_t second_factor = 0xE7037ED1A0B428DBU;

/// Both halves of a product, folded: every bit of the input reaches every bit.
std::uint64_t fold(std::uint64_t left, std::uint64_t right) noexcept {
  const Wide product = Wide{left} * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t eight_bytes(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint64_t four_bytes(const char* at) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Up to seven bytes, some of them twice.
std::uint64_t few_bytes(const char* at, std::size_t size) noexcept {
  if (size >= 4) return four_bytes(at) << 32U | four_bytes(at + size - 4);
  if (size == 0) return 0;
  const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])}; };
  return byte(0) << 16U | byte(size / 2) << 8U | byte(size - 1);
}

std::uint32_t hash_of(std::string_view text) noexcept {
  std::uint64_t state = first_factor ^ text.size();
  if (text.size() < 8) {
    state = fold(state ^ few_bytes(text.data(), text.size()), second_factor);
  } else {
    for (std::size_t at = 0; at + 8 < text.size(); at += 8) {
      state = fold(state ^ eight_bytes(text.data() + at), second_factor);
    }
    state = fold(state ^ eight_bytes(text.data() + text.size() - 8), second_factor);
  }
  return static_cast<std::uint32_t>(state ^ state >> 32U);
}

}  // namespace

char* LevelTable::Entry::heap() const noexcept {
  char* text = nullptr;
  std::memcpy(static_cast<void*>(&text), place, sizeof text);
  return text;
}

void LevelTable::Entry::assign(std::string_view text) {
  size = static_cast<std::uint16_t>(text.size());
  if (!on_heap()) {
    if (!text.empty()) std::memcpy(place, text.data(), text.size());
    return;
  }
  auto* const copy = static_cast<char*>(std::malloc(text.size()));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  std::memcpy(place, static_cast<const void*>(&copy), sizeof copy);
}

void LevelTable::Entry::clear() noexcept {
  if (on_heap()) std::free(heap());
  size = 0;
}

LevelTable::LevelTable() {
  [[maybe_unused]] const std::uint32_t unused = entries_.take();
  [[maybe_unused]] const std::uint32_t plus = hold("+");
  [[maybe_unused]] const std::uint32_t hash = hold("#");
  assert(unused == none && plus == plus_number && hash == hash_number);
}

LevelTable::~LevelTable() {
  entries_.for_each([](Entry& entry) { entry.clear(); });
}

std::uint32_t LevelTable::find(std::string_view level, std::uint32_t hash) const noexcept {
  return index_.find(hash, [&](std::uint32_t number) { return entries_[number].text() == level; });
}

std::uint32_t LevelTable::find(std::string_view level) const noexcept {
  return find(level, hash_of(level));
}

std::size_t LevelTable::find_all(std::string_view path,
                                 std::span<std::uint32_t> numbers) const noexcept {
  constexpr std::size_t batch = 16;
  struct Wanted {
    std::string_view level;
    std::uint32_t hash;
    std::uint32_t candidate;
  };
  std::array<Wanted, batch> wanted;
  std::size_t done = 0;
  mqtt::LevelCursor cursor(path);
  for (;;) {
    std::size_t count = 0;
    while (count < batch && done + count < numbers.size() && cursor.next()) {
      const std::uint32_t hash = hash_of(cursor.level());
      wanted[count++] = {cursor.level(), hash, none};
      index_.prefetch(hash);
    }
    // The first number of that hash is nearly always the one.
    for (Wanted& each : std::span(wanted).first(count)) {
      each.candidate = index_.find(each.hash, [](std::uint32_t) { return true; });
      __builtin_prefetch(&entries_[each.candidate]);
    }
    for (const Wanted& each : std::span(wanted).first(count)) {
      const bool right = each.candidate == none || entries_[each.candidate].text() == each.level;
      numbers[done++] = right ? each.candidate : find(each.level, each.hash);
    }
    if (count < batch) return done;
  }
}

std::uint32_t LevelTable::hold(std::string_view level) {
  const std::uint32_t hash = hash_of(level);
  std::uint32_t number = find(level, hash);
  if (number == none) {
    number = entries_.take();
    entries_[number].assign(level);
    index_.insert(hash, number);
  }
  ++entries_[number].references;
  return number;
}

void LevelTable::release(std::uint32_t number) {
  Entry& entry = entries_[number];
  assert(number != none && entry.references > 0);
  if (--entry.references > 0) return;
  index_.erase(hash_of(entry.text()), number);
  entry.clear();
  entries_.give_back(number);
}

std::string_view LevelTable::text(std::uint32_t number) const noexcept {
  assert(number != none && entries_[number].references > 0);
  return entries_[number].text();
}

}  // namespace broker
