#include "tools/darter-bench/report.h"

#include "tools/darter-bench/text.h"

namespace bench {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

}  // namespace

void Report::text(std::string_view name, std::string_view value) { member(name, quoted(value)); }
void Report::number(std::string_view name, double value) { member(name, text_of(value)); }
void Report::count(std::string_view name, std::uint64_t value) {
  member(name, std::to_string(value));
}
void Report::truth(std::string_view name, bool value) { member(name, value ? "true" : "false"); }

void Report::member(std::string_view name, std::string_view value) {
  if (!members_.empty()) members_ += ", ";
  members_ += quoted(name);
  members_ += ": ";
  members_ += value;
}

}  // namespace bench
