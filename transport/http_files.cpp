#include "transport/http_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace transport {

namespace {

namespace fs = std::filesystem;

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    if (text.front() != '%') {
      decoded += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || end != digits.data() + 2 || value == 0) return std::nullopt;
    decoded += static_cast<char>(value);
    text.remove_prefix(3);
  }
  return decoded;
}

HttpRefusal not_found(const HttpRequest& request) {
  return {404, "There is no file '" + printable(request.path()) + "'.", {}};
}

/// The file as the file system knows it, if it is below `directory` when all links are followed.
std::optional<fs::path> resolve(const std::string& directory, std::string_view path) {
  std::error_code error;
  const fs::path root = fs::canonical(directory, error);
  if (error) return std::nullopt;
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  fs::path file = fs::canonical(root / path, error);
  if (!error && fs::is_directory(file, error)) file = fs::canonical(file / "index.html", error);
  if (error) return std::nullopt;
  const auto [in_root, in_file] = std::ranges::mismatch(root, file);
  if (in_root != root.end()) return std::nullopt;
  return file;
}

}  // namespace

std::string_view content_type(std::string_view file_name) noexcept {
  using Type = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Type, 14> types = {
      Type{".html", "text/html; charset=utf-8"},
      Type{".htm", "text/html; charset=utf-8"},
      Type{".js", "text/javascript; charset=utf-8"},
      Type{".mjs", "text/javascript; charset=utf-8"},
      Type{".css", "text/css; charset=utf-8"},
      Type{".json", "application/json"},
      Type{".map", "application/json"},
      Type{".txt", "text/plain; charset=utf-8"},
      Type{".svg", "image/svg+xml"},
      Type{".png", "image/png"},
      Type{".jpg", "image/jpeg"},
      Type{".ico", "image/x-icon"},
      Type{".wasm", "application/wasm"},
      Type{".woff2", "font/woff2"},
  };
  const auto place = std::ranges::find_if(
      types, [&](const Type& type) { return file_name.ends_with(type.first); });
  return place == types.end() ? "application/octet-stream" : place->second;
}

std::expected<HttpFile, HttpRefusal> open_file(const HttpRequest& request,
                                               const std::string& directory) {
  if (request.method != "GET" && request.method != "HEAD") {
    return std::unexpected(HttpRefusal{
        405, "Files are read with GET, not with " + request.method + ".", "Allow: GET, HEAD\r\n"});
  }
  const auto path = percent_decoded(request.path());
  if (!path || !path->starts_with('/')) {
    return std::unexpected(HttpRefusal{400, "The path of the request is malformed.", {}});
  }
  const auto file = resolve(directory, *path);
  if (!file) return std::unexpected(not_found(request));
  HttpFile found;
  found.descriptor = ::open(file->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (found.descriptor < 0) return std::unexpected(not_found(request));
  struct stat status{};
  if (::fstat(found.descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(found.descriptor);
    return std::unexpected(not_found(request));
  }
  found.size_bytes = static_cast<std::uint64_t>(status.st_size);
  found.head = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(content_type(file->native())) +
               "\r\nContent-Length: " + std::to_string(found.size_bytes) +
               "\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  return found;
}

}  // namespace transport
