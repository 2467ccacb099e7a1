#include "tools/darter-client/input.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace shell {
namespace {

constexpr std::size_t password_bytes_max = 65'535;

std::string first_line(std::string text) {
  const auto end = text.find('\n');
  if (end != std::string::npos) text.resize(end);
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string system_text() { return std::strerror(errno); }

}  // namespace

std::expected<std::string, std::string> read_descriptor(int descriptor, std::size_t most) {
  std::string text;
  std::array<char, 65'536> buffer{};
  while (true) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_text());
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > most) {
      return std::unexpected("more than " + std::to_string(most) + " bytes");
    }
  }
}

std::expected<std::string, std::string> read_file(const std::string& path, std::size_t most) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected(system_text());
  auto text = read_descriptor(descriptor, most);
  (void)::close(descriptor);
  return text;
}

std::expected<std::string, std::string> read_password_file(const std::string& path) {
  auto text = read_file(path, password_bytes_max);
  if (!text) {
    return std::unexpected("Unable to read the password file \"" + path + "\": " + text.error() +
                           ".");
  }
  return first_line(std::move(*text));
}

std::expected<std::string, std::string> read_password_descriptor(int descriptor) {
  auto text = read_descriptor(descriptor, password_bytes_max);
  if (!text) {
    return std::unexpected("Unable to read the password from descriptor " +
                           std::to_string(descriptor) + ": " + text.error() + ".");
  }
  return first_line(std::move(*text));
}

}  // namespace shell
