#include "auth/text_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace auth {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{64} * 1024 * 1024;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

std::unexpected<std::string> error(const std::string& path, const std::string& what) {
  return std::unexpected(path + ": " + what);
}

std::unexpected<std::string> system_error(const std::string& path, const std::string& what) {
  return error(path, what + ": " + std::generic_category().message(errno));
}

std::expected<std::string, std::string> read_all(int file, const std::string& path) {
  std::string text;
  std::size_t length = 0;
  while (length <= file_bytes_max) {
    text.resize(length + 65536);
    const ssize_t got = ::read(file, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "cannot be read");
    length += static_cast<std::size_t>(got);
    if (got == 0) {
      text.resize(length);
      return text;
    }
  }
  return error(path, "is larger than 64 MiB");
}

}  // namespace

std::expected<std::string, std::string> read_text_file(const std::string& path, Privacy privacy) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return system_error(path, "cannot be opened");
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return system_error(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) return error(path, "is not a regular file");
  if (privacy == Privacy::secret && (status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    return error(path, "holds secrets, but everybody may read it");
  }
  return read_all(file.number(), path);
}

bool LineCursor::next() {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line_ = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  while (line_.ends_with('\r')) line_.remove_suffix(1);
  ++number_;
  return true;
}

std::string remark_text(const std::string& name, std::size_t number, std::string_view what) {
  return (name + ":" + std::to_string(number) + ": ").append(what);
}

void add_fault(std::string& faults, const std::string& name, std::size_t number,
               std::string_view what) {
  if (!faults.empty()) faults += '\n';
  faults += remark_text(name, number, what);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace auth
