#include "conf/file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

namespace conf {
namespace {

std::unexpected<std::string> unable(const std::string& what, const std::string& path,
                                    const std::string& why) {
  return std::unexpected("Unable to open " + what + " '" + path + "': " + why);
}

int upper(char letter) { return std::toupper(static_cast<unsigned char>(letter)); }

/// The first letter that differs decides, by case only if nothing else does.
bool comes_first(std::string_view left, std::string_view right) {
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (upper(left[i]) != upper(right[i])) return upper(left[i]) < upper(right[i]);
    if (left[i] != right[i]) return left[i] < right[i];
  }
  return left.size() < right.size();
}

bool ends_in_one_of(std::span<const std::string_view> endings, std::string_view name) {
  return std::ranges::any_of(endings, [&](std::string_view ending) {
    return name.size() > ending.size() && name.ends_with(ending);
  });
}

}  // namespace

std::expected<std::string, std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) return unable("config file", path, std::strerror(errno));
  std::string content;
  constexpr std::size_t block_bytes = 65536;
  std::string block(block_bytes, '\0');
  while (std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
    const std::size_t count = std::fread(block.data(), 1, block.size(), file.get());
    content.append(block, 0, count);
  }
  if (std::ferror(file.get()) != 0) return unable("config file", path, std::strerror(errno));
  return content;
}

std::expected<std::vector<std::string>, std::string> conf_files_of(
    const std::string& folder, std::span<const std::string_view> endings) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator each(folder, error); !error && each != fs::directory_iterator();
       each.increment(error)) {
    const std::string name = each->path().filename().string();
    if (ends_in_one_of(endings, name)) names.push_back(name);
  }
  if (error) return unable("include_dir", folder, error.message());
  std::sort(names.begin(), names.end(), comes_first);
  for (std::string& name : names) name = (fs::path(folder) / name).string();
  return names;
}

}  // namespace conf
