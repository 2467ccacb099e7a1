#include "tools/darter-bench/sync_floor.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <unistd.h>

#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t rewritten_pages = 1024;

bool write_page(const sockets::Descriptor& file, std::size_t number) {
  static constexpr std::array<char, page_bytes> page{};
  const auto offset = static_cast<off_t>(number * page_bytes);
  return ::pwrite(file.number(), page.data(), page.size(), offset) ==
         static_cast<ssize_t>(page.size());
}

}  // namespace

bool SyncFloor::run() {
  std::string name = options_.folder + "/darter-bench-XXXXXX";
  const sockets::Descriptor file(::mkstemp(name.data()));
  if (!file.is_open()) return fail("no file can be made");
  ::unlink(name.c_str());
  for (std::size_t i = 0; i < rewritten_pages; ++i) {
    if (!write_page(file, i)) return fail("a page cannot be written");
  }
  if (::fsync(file.number()) != 0) return fail("a file cannot be synced");
  Histogram rewritten;
  Histogram appended;
  constexpr std::size_t no_end = std::numeric_limits<std::size_t>::max();
  if (!measure(file, 0, rewritten_pages, ::fdatasync, rewritten)) return false;
  if (!measure(file, rewritten_pages, no_end, ::fsync, appended)) return false;
  tell("rewrite", rewritten);
  tell("append", appended);
  return true;
}

bool SyncFloor::measure(const sockets::Descriptor& file, std::size_t first, std::size_t end,
                        Sync sync, Histogram& latency) {
  std::size_t page = first;
  Nanoseconds last = now();
  const Nanoseconds stop = last + from_seconds(options_.seconds / 2);
  while (last < stop) {
    if (!write_page(file, page)) return fail("a page cannot be written");
    if (sync(file.number()) != 0) return fail("a file cannot be synced");
    const Nanoseconds time = now();
    latency.add(static_cast<std::uint64_t>(time - last));
    last = time;
    page = page + 1 < end ? page + 1 : first;
  }
  return true;
}

void SyncFloor::tell(const char* kind, const Histogram& latency) {
  report_.number(text_of(kind, "_p50_us"), in_microseconds(latency.percentile(0.5)));
  report_.number(text_of(kind, "_p99_us"), in_microseconds(latency.percentile(0.99)));
  report_.number(text_of(kind, "s_per_second"),
                 static_cast<double>(latency.size()) / (options_.seconds / 2));
}

bool SyncFloor::fail(const char* what) {
  report_.text("fault", text_of(what, " in ", options_.folder, ": ", std::strerror(errno)));
  return false;
}

}  // namespace bench
