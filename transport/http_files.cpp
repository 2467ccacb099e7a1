#include "transport/http_files.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "transport/descriptor.h"

namespace transport {

namespace {

namespace fs = std::filesystem;

/// The rest of an open file.
class FilePieces final : public HttpPieces {
 public:
  explicit FilePieces(Descriptor file) : file_(std::move(file)) {}

  State read(std::string& into, std::size_t room) override {
    const std::size_t before = into.size();
    into.resize(before + room);
    const ssize_t count = ::read(file_.get(), into.data() + before, room);
    into.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) return State::failed;
    return count == 0 ? State::end : State::more;
  }

 private:
  Descriptor file_;
};

HttpRefusal not_found(const HttpRequest& request) {
  return {404, "There is no file '" + printable(request.path()) + "'.", {}};
}

/// The file behind a path when all links are followed, if it is below the folder.
struct Place {
  fs::path path;
  bool is_folder = false;
};

std::optional<Place> resolve(const std::string& directory, std::string_view path) {
  std::error_code error;
  const fs::path root = fs::canonical(directory, error);
  if (error) return std::nullopt;
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  // One that comes back into the folder would tell the names of those outside.
  const fs::path normal = fs::path(path).lexically_normal();
  if (!normal.empty() && *normal.begin() == "..") return std::nullopt;
  Place place{.path = fs::canonical(root / path, error)};
  if (error) return std::nullopt;
  place.is_folder = fs::is_directory(place.path, error);
  const auto [in_root, in_place] = std::ranges::mismatch(root, place.path);
  if (in_root != root.end()) return std::nullopt;
  return place;
}

/// Sends a client from "/sub" to "/sub/": links of the page there are relative to it. So is the
/// answer: a proxy may have put the folder elsewhere.
HttpResponse redirect_into(const HttpRequest& request) {
  const std::string_view path = request.path();
  const std::size_t query = std::min(request.target.find('?'), request.target.size());
  HttpResponse answer;
  answer.status = 301;
  answer.type = {};
  answer.fields = "Location: ./" + std::string(path.substr(path.rfind('/') + 1)) + "/" +
                  request.target.substr(query) + "\r\n";
  return answer;
}

std::expected<HttpResponse, HttpRefusal> open_place(const HttpRequest& request,
                                                    const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return std::unexpected(not_found(request));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::unexpected(not_found(request));
  }
  HttpResponse found;
  found.type = content_type(path.native());
  found.fields = "X-Content-Type-Options: nosniff\r\n";
  found.pieces = std::make_unique<FilePieces>(std::move(file));
  found.pieces_bytes = static_cast<std::uint64_t>(status.st_size);
  return found;
}

}  // namespace

std::string_view content_type(std::string_view file_name) noexcept {
  using Type = std::pair<std::string_view, std::string_view>;
  constexpr auto types = std::to_array<Type>({
      {".html", "text/html; charset=utf-8"},
      {".htm", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".txt", "text/plain; charset=utf-8"},
      {".xml", "application/xml"},
      {".pdf", "application/pdf"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".webp", "image/webp"},
      {".ico", "image/x-icon"},
      {".wasm", "application/wasm"},
      {".woff", "font/woff"},
      {".woff2", "font/woff2"},
      {".ttf", "font/ttf"},
      {".mp3", "audio/mpeg"},
      {".mp4", "video/mp4"},
  });
  const auto has_ending = [&](const Type& type) {
    const std::string_view ending = type.first;
    return file_name.size() >= ending.size() &&
           equal_any_case(file_name.substr(file_name.size() - ending.size()), ending);
  };
  const auto place = std::ranges::find_if(types, has_ending);
  return place == types.end() ? "application/octet-stream" : place->second;
}

std::expected<HttpResponse, HttpRefusal> open_file(const HttpRequest& request,
                                                   const std::string& directory) {
  if (request.method != "GET" && request.method != "HEAD") {
    return std::unexpected(HttpRefusal{
        405, "Files are read with GET, not with " + request.method + ".", "Allow: GET, HEAD\r\n"});
  }
  const auto path = percent_decoded(request.path());
  if (!path || !path->starts_with('/')) {
    return std::unexpected(HttpRefusal{400, "The path of the request is malformed.", {}});
  }
  const auto place = resolve(directory, *path);
  if (!place) return std::unexpected(not_found(request));
  if (!place->is_folder) return open_place(request, place->path);
  const auto index = resolve(directory, *path + "/index.html");
  if (!index) return std::unexpected(not_found(request));
  if (!request.path().ends_with('/')) return redirect_into(request);
  return open_place(request, index->path);
}

HttpHandler file_handler(std::string directory) {
  return [directory = std::move(directory)](HttpCall& call, const HttpReply&) -> HttpAnswer {
    if (call.request.method == "OPTIONS") return HttpDeclined{};
    auto found = open_file(call.request, directory);
    if (found) return std::move(*found);
    if (found.error().status == 404) return HttpDeclined{std::move(found.error())};
    return std::move(found.error());
  };
}

}  // namespace transport
