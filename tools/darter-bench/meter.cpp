#include "tools/darter-bench/meter.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <unistd.h>

#include "tools/darter-bench/text.h"

namespace bench {
namespace {

/// The clock of a process counts all its threads, those that ended too, to the nanosecond.
Nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * one_second + time.tv_nsec;
}

Nanoseconds cpu_of(pid_t process) {
  clockid_t clock{};
  return ::clock_getcpuclockid(process, &clock) == 0 ? read_clock(clock) : 0;
}

std::uint64_t resident_bytes_of(pid_t process) {
  std::ifstream file(text_of("/proc/", process, "/statm"));
  std::uint64_t all_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> all_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

Reading Meter::read() const {
  Reading reading{.time = now(), .own_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
  if (broker_ != 0) {
    reading.cpu = cpu_of(broker_);
    reading.resident_bytes = resident_bytes_of(broker_);
  }
  return reading;
}

void Meter::report(Report& report, const Reading& from, const Reading& to, std::uint64_t events,
                   std::string_view event) const {
  const double seconds = in_seconds(to.time - from.time);
  const auto each = static_cast<double>(events);
  report.number("seconds", seconds);
  report.number(text_of(event, "s_per_second"), ratio(each, seconds));
  report.number("own_cpu_share", ratio(in_seconds(to.own_cpu - from.own_cpu), seconds));
  if (broker_ == 0) return;
  const double cpu_seconds = in_seconds(to.cpu - from.cpu);
  report.number("cpu_share", ratio(cpu_seconds, seconds));
  report.number(text_of("cpu_us_per_", event), ratio(cpu_seconds * 1e6, each));
}

void Meter::report_memory(Report& report, const Reading& from, const Reading& to,
                          std::uint64_t things, std::string_view thing) const {
  if (broker_ == 0) return;
  const auto growth =
      static_cast<double>(to.resident_bytes) - static_cast<double>(from.resident_bytes);
  report.number(text_of("bytes_per_", thing),
                ratio(std::max(growth, 0.0), static_cast<double>(things)));
}

}  // namespace bench
