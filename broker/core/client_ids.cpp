#include "broker/core/client_ids.h"

#include <cstdio>

#include "broker/core/siphash.h"
#include "broker/core/text.h"

namespace broker {

std::string ClientIds::next(std::string_view prefix) {
  for (;;) {
    const std::string count = std::to_string(++made_);
    const std::uint64_t high = siphash(key_, "high" + count);
    const std::uint64_t low = siphash(key_, "low" + count);
    char text[40];
    std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx",
                  static_cast<unsigned>(high >> 32U), static_cast<unsigned>(high >> 16U & 0xFFFFU),
                  static_cast<unsigned>(high & 0xFFFU),
                  static_cast<unsigned>(low >> 48U & 0x3FFFU) | 0x8000U,
                  static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFFULL));
    std::string id = concat({prefix, text});
    if (homes_.of(id) == shard_) return id;
  }
}

}  // namespace broker
