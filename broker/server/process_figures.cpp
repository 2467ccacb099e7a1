#include "broker/server/process_figures.h"

#include <array>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/descriptor.h"

namespace server {

std::uint64_t resident_bytes() noexcept {
  const transport::Descriptor file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  if (!file) return 0;
  std::array<char, 128> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return 0;
  const std::string_view line(text.data(), static_cast<std::size_t>(size));
  const std::size_t second = line.find(' ');
  if (second == std::string_view::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(line.data() + second + 1, line.data() + line.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_files() noexcept {
  constexpr const char* folder = "/proc/self/fd";
  struct stat facts{};
  if (::stat(folder, &facts) == 0 && facts.st_size > 0) {
    return static_cast<std::uint64_t>(facts.st_size);
  }
  DIR* const entries = ::opendir(folder);
  if (entries == nullptr) return 0;
  std::uint64_t count = 0;
  while (::readdir(entries) != nullptr) ++count;
  ::closedir(entries);
  constexpr std::uint64_t others = 3;  // ".", ".." and the folder itself
  return count > others ? count - others : 0;
}

}  // namespace server
