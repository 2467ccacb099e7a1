#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>

namespace fuzz {

/// A folder in memory, where there is one, for the life of the process.
class Folder {
 public:
  Folder() {
    const std::filesystem::path parent = std::filesystem::is_directory("/dev/shm")
                                             ? "/dev/shm"
                                             : std::filesystem::temp_directory_path();
    path_ = parent / ("darter-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  /// Empty again.
  void clean() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      std::filesystem::remove(entry.path());
  }
  [[nodiscard]] std::string file() const { return path_ / "store.db"; }

 private:
  std::filesystem::path path_;
};

}  // namespace fuzz
