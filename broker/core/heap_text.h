// broker/core/heap_text.h
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace broker {

/// A text that is set once and read often, in 8 bytes; an empty one owns nothing.
///
/// Shape      One block: [size: 4 bytes][characters]. A std::string takes 32 bytes before it says
///            anything, and most names that a session might have it does not have.
/// Units      At most UINT32_MAX bytes; MQTT strings have at most 65,535.
/// Lifetime   Owns its characters; views of them die with it.
/// Threads    None.
class HeapText {
 public:
  HeapText() = default;
  HeapText(std::string_view text) {  // NOLINT(google-explicit-constructor): it is that text
    if (text.empty()) return;
    const auto size = static_cast<std::uint32_t>(text.size());
    block_ = std::make_unique_for_overwrite<char[]>(sizeof size + text.size());
    std::memcpy(block_.get(), &size, sizeof size);
    std::memcpy(block_.get() + sizeof size, text.data(), text.size());
  }

  [[nodiscard]] std::string_view view() const noexcept {
    if (block_ == nullptr) return {};
    std::uint32_t size = 0;
    std::memcpy(&size, block_.get(), sizeof size);
    return {block_.get() + sizeof size, size};
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor): as above
    return view();
  }
  [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return view().size(); }

  friend bool operator==(const HeapText& left, std::string_view right) noexcept {
    return left.view() == right;
  }

 private:
  std::unique_ptr<char[]> block_;
};

}  // namespace broker
