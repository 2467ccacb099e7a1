#include "tools/darter-bench/sync_floor.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/histogram.h"
#include "tools/darter-bench/text.h"
#include "tools/socket/descriptor.h"

namespace bench {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t pages = 1024;
using Page = std::array<char, page_bytes>;

bool write_page(const sockets::Descriptor& file, const Page& page, std::size_t number) {
  const auto offset = static_cast<off_t>(number % pages * page_bytes);
  return ::pwrite(file.number(), page.data(), page.size(), offset) ==
         static_cast<ssize_t>(page.size());
}

}  // namespace

bool SyncFloor::fail(const char* what) {
  report_.text("fault", text_of(what, " in ", options_.folder, ": ", std::strerror(errno)));
  return false;
}

bool SyncFloor::run() {
  std::string name = options_.folder + "/darter-bench-XXXXXX";
  const sockets::Descriptor file(::mkstemp(name.data()));
  if (!file.is_open()) return fail("no file can be made");
  ::unlink(name.c_str());
  const Page page{};
  for (std::size_t i = 0; i < pages; ++i) {
    if (!write_page(file, page, i)) return fail("a page cannot be written");
  }
  if (::fsync(file.number()) != 0) return fail("a file cannot be synced");
  Histogram latency;
  const Nanoseconds begin = now();
  const Nanoseconds end = begin + from_seconds(options_.seconds);
  Nanoseconds last = begin;
  while (last < end) {
    if (!write_page(file, page, latency.size())) return fail("a page cannot be written");
    if (::fdatasync(file.number()) != 0) return fail("a file cannot be synced");
    const Nanoseconds time = now();
    latency.add(static_cast<std::uint64_t>(time - last));
    last = time;
  }
  report_.number("p50_us", static_cast<double>(latency.percentile(0.5)) / 1000.0);
  report_.number("p99_us", static_cast<double>(latency.percentile(0.99)) / 1000.0);
  report_.number("p999_us", static_cast<double>(latency.percentile(0.999)) / 1000.0);
  report_.number("messages_per_second",
                 static_cast<double>(latency.size()) * 1e9 / static_cast<double>(last - begin));
  return true;
}

}  // namespace bench
