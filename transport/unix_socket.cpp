#include "transport/unix_socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include "transport/text.h"

namespace transport {

namespace {

constexpr auto unchanged = static_cast<unsigned>(-1);  // for chown()

bool somebody_answers(const sockaddr_un& address) noexcept {
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool is_socket(const char* path) noexcept {
  struct stat status{};
  return ::lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/// A number stands for itself.
std::optional<unsigned> number_in(const std::string& text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

struct Owner {
  uid_t user = unchanged;
  gid_t group = unchanged;
};

/// "user", "user:group" or ":group".
std::expected<Owner, std::string> parse_owner(const std::string& text) {
  Owner owner;
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (const std::string name = text.substr(0, colon); !name.empty()) {
    const passwd* const entry = ::getpwnam(name.c_str());
    const auto number = entry == nullptr ? number_in(name) : entry->pw_uid;
    if (!number) return std::unexpected("there is no user '" + name + "'");
    owner.user = *number;
  }
  if (colon + 1 < text.size()) {
    const std::string name = text.substr(colon + 1);
    const group* const entry = ::getgrnam(name.c_str());
    const auto number = entry == nullptr ? number_in(name) : entry->gr_gid;
    if (!number) return std::unexpected("there is no group '" + name + "'");
    owner.group = *number;
  }
  return owner;
}

/// Gives the file away by a descriptor of its own: whatever may stand at that path by now, only a
/// socket changes hands.
std::expected<void, std::string> give(const std::string& path, const Owner& owner) {
  const Descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return std::unexpected(errno_text(errno));
  if (!S_ISSOCK(status.st_mode)) return std::unexpected(errno_text(ENOTSOCK));
  if (::fchownat(file.get(), "", owner.user, owner.group, AT_EMPTY_PATH) == 0) return {};
  return std::unexpected("its owner cannot be changed: " + errno_text(errno));
}

/// Made with its mode at once: the mask is the only way to say it.
int bind_with_mode(int socket, const sockaddr_un& address, mode_t mode) noexcept {
  const mode_t mask = ::umask(~mode & (S_IRWXU | S_IRWXG | S_IRWXO));
  const bool bound =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  ::umask(mask);
  return bound ? 0 : error;
}

}  // namespace

std::expected<Descriptor, std::string> bind_unix(const ListenerOptions& options) {
  const std::string& path = options.unix_socket_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::unexpected("the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto owner = parse_owner(options.unix_socket_owner);
  if (!owner) return std::unexpected(owner.error());
  if (is_socket(path.c_str())) {
    if (somebody_answers(address)) return std::unexpected(errno_text(EADDRINUSE));
    ::unlink(path.c_str());
  }
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return std::unexpected(errno_text(errno));
  if (const int error = bind_with_mode(socket.get(), address, options.unix_socket_mode)) {
    return std::unexpected(errno_text(error));
  }
  if (options.unix_socket_owner.empty()) return socket;
  if (const auto given = give(path, *owner); !given) {
    ::unlink(path.c_str());
    return std::unexpected(given.error());
  }
  return socket;
}

std::expected<void, std::string> change_unix(const ListenerOptions& options) {
  const std::string& path = options.unix_socket_path;
  if (!is_socket(path.c_str())) return std::unexpected(errno_text(ENOTSOCK));
  if (::chmod(path.c_str(), options.unix_socket_mode) != 0)
    return std::unexpected(errno_text(errno));
  if (options.unix_socket_owner.empty()) return {};
  const auto owner = parse_owner(options.unix_socket_owner);
  if (!owner) return std::unexpected(owner.error());
  return give(path, *owner);
}

}  // namespace transport
