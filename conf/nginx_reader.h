#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/diagnostic.h"
#include "conf/source.h"

namespace conf {

/// One directive of an nginx configuration: "proxy_pass http://mqtt;" or "location /mqtt { ... }".
///
/// Shape      name: as written, so that in a block of map or types it is a value. words: the words
///            after it, without quotes. A directive with a block may have no words.
struct NginxDirective {
  std::string name;
  std::vector<std::string> words;
  Place place;
  bool has_block = false;
  std::vector<NginxDirective> block;
};

/// A configuration with all that it includes, each directive where `include` stood.
struct NginxConfiguration {
  std::vector<NginxDirective> directives;
  std::vector<std::string> files;  ///< that were read, the main one first
  Diagnostics diagnostics;
};

/// A file that an include named: its path, and its text or why it cannot be read.
struct NginxFile {
  std::string path;
  std::expected<std::string, std::string> text;
};

/// Finds the files of an include: a path, or a pattern with *, ? and [, in the order of names.
using NginxIncludes = std::function<std::vector<NginxFile>(const std::string& pattern)>;

/// Reads an nginx.conf as nginx cuts it into words. The reader does not know the meaning of
/// directives: it keeps those of any module.
///
/// Requires  `file` is the name that places give; relative includes are left to `includes`.
/// Errors    Errors of the syntax, each with its place, in `diagnostics`; a text that ends within a
///           block is closed there. A file that cannot be read is a warning.
///           Includes that go round in a circle and blocks that nest too deep are cut short.
/// Source    https://nginx.org/en/docs/beginners_guide.html#conf_structure, and
///           ngx_conf_read_token of nginx 1.22.
[[nodiscard]] NginxConfiguration read_nginx(std::string_view text, const std::string& file,
                                            const NginxIncludes& includes);

/// The same for a file and the files on disk that it includes, relative to its folder.
[[nodiscard]] std::expected<NginxConfiguration, std::string> read_nginx_file(
    const std::string& path);

}  // namespace conf
