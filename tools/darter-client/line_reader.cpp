#include "tools/darter-client/line_reader.h"

#include <array>
#include <cerrno>
#include <unistd.h>

namespace shell {

bool LineReader::read() {
  std::array<char, 65'536> buffer;
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) return false;
  ended_ = count == 0;
  searched_ -= taken_;
  text_.erase(0, taken_);
  taken_ = 0;
  text_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> LineReader::next() {
  const auto end = text_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = text_.size();
    if (!ended_ || is_empty()) return std::nullopt;
    std::string last = text_.substr(taken_);
    taken_ = text_.size();
    return last;
  }
  std::string line = text_.substr(taken_, end - taken_);
  taken_ = searched_ = end + 1;
  return line;
}

}  // namespace shell
