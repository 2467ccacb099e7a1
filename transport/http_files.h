// transport/http_files.h
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "transport/http.h"
#include "transport/http_handler.h"

namespace transport {

/// Finds the file that a request asks for below `directory`; a folder means its index.html. A
/// folder without a slash behind it is answered with a redirect to the same with one.
///
/// Errors    405 for methods other than GET and HEAD, 400 for a path that cannot be decoded,
///           404 for anything that is no readable file below `directory`, also if ".." or a
///           symbolic link leads out of it.
/// Cost      Blocking calls to the file system.
[[nodiscard]] std::expected<HttpResponse, HttpRefusal> open_file(const HttpRequest& request,
                                                                 const std::string& directory);

/// Answers with the files of a folder. OPTIONS, and a path without a file, are left to the next
/// handler: a folder without a page of its own is no reason for a load balancer to take the server
/// out.
[[nodiscard]] HttpHandler file_handler(std::string directory);

/// By the ending of the name, in any case of letters; application/octet-stream if it is unknown.
[[nodiscard]] std::string_view content_type(std::string_view file_name) noexcept;

}  // namespace transport
