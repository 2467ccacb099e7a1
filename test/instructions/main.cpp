// Runs one fixed workload for callgrind: see run.

#include <cstdint>
#include <cstdio>
#include <semaphore>
#include <string_view>
#include <thread>

#include "test/instructions/workload.h"

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    for (const test::Traffic& traffic : test::traffics()) {
      std::printf("%.*s\n", static_cast<int>(traffic.name.size()), traffic.name.data());
    }
    return 0;
  }
  const test::Traffic* const traffic = test::find_traffic(arguments[1]);
  if (traffic == nullptr) {
    (void)std::fprintf(stderr, "There is no workload %s; without an argument all are listed.\n",
                       arguments[1]);
    return 2;
  }
  // The C library leaves atomic instructions out where there is one thread; a broker has several.
  std::binary_semaphore end{0};
  const std::jthread other([&end] { end.acquire(); });
  test::Workload workload(*traffic);
  for (std::uint32_t i = 0; i < traffic->rounds; ++i) workload.round();
  end.release();
  std::printf("%llu\n", static_cast<unsigned long long>(workload.delivered()));
  return 0;
}
