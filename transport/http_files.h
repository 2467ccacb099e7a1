// transport/http_files.h
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "transport/http.h"

namespace transport {

/// A file that was found and opened, and the head of the response for it; or a whole response.
///
/// Lifetime   `descriptor` belongs to the caller; -1: nothing follows the head.
struct HttpFile {
  std::string head;
  int descriptor = -1;
  std::uint64_t size_bytes = 0;
};

/// Finds the file that a request asks for below `directory`; a folder means its index.html. A
/// folder without a slash behind it is answered with a redirect to the same with one.
///
/// Errors    405 for methods other than GET and HEAD, 400 for a path that cannot be decoded,
///           404 for anything that is no readable file below `directory`, also if ".." or a
///           symbolic link leads out of it.
/// Cost      Blocking calls to the file system.
[[nodiscard]] std::expected<HttpFile, HttpRefusal> open_file(const HttpRequest& request,
                                                             const std::string& directory);

/// By the ending of the name, in any case of letters; application/octet-stream if it is unknown.
[[nodiscard]] std::string_view content_type(std::string_view file_name) noexcept;

}  // namespace transport
