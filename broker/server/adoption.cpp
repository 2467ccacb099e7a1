#include "broker/server/adoption.h"

#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <optional>
#include <spawn.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "conf/file.h"
#include "conf/value.h"
#include "transport/descriptor.h"

namespace server {
namespace {

using broker::concat;
using Done = std::expected<void, std::string>;

constexpr std::string_view kept_ending = ".before-adopt";

std::unexpected<std::string> adoption_fault(std::string_view path, std::string_view what) {
  return std::unexpected(concat({path, " ", what, ": ", std::strerror(errno), "."}));
}

Done write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0) return adoption_fault(path, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(descriptor) != 0) return adoption_fault(path, "cannot be written");
  return {};
}

/// A file of that content, owner and mode, as a whole or not at all.
Done replace_file(const AdoptionStep& step, std::string_view content) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(step.path).parent_path(), error);
  const std::string part = step.path + ".part";
  ::unlink(part.c_str());
  const transport::Descriptor file(
      ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return adoption_fault(part, "cannot be made");
  if (auto written = write_all(file.get(), content, part); !written) return written;
  const bool owned = ::geteuid() != 0 || ::fchown(file.get(), step.owner, step.group) == 0;
  if (!owned || ::fchmod(file.get(), step.mode) != 0) {
    return adoption_fault(part, "cannot be given to its user");
  }
  if (::rename(part.c_str(), step.path.c_str()) != 0) {
    return adoption_fault(step.path, "cannot be replaced");
  }
  return {};
}

Done change_owner(const std::string& path, uid_t owner, gid_t group, mode_t mode) {
  // In this order, because chown() may take bits of the mode away.
  if (::chown(path.c_str(), owner, group) != 0 || ::chmod(path.c_str(), mode) != 0) {
    return adoption_fault(path, "cannot be given to another user");
  }
  return {};
}

std::optional<unsigned> number_of(const std::string& word) {
  unsigned number = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (code != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

}  // namespace

Adoption::Adoption(std::string journal, bool runs_commands)
    : journal_(std::move(journal)), runs_commands_(runs_commands) {}

bool Adoption::is_made() const { return ::access(journal_.c_str(), F_OK) == 0; }

Done Adoption::make(const std::vector<AdoptionStep>& steps) {
  assert(!is_made());
  for (const AdoptionStep& step : steps) {
    auto made = make(step);
    if (made) continue;
    const std::vector<std::string> faults = is_made() ? undo() : std::vector<std::string>();
    std::string text = made.error();
    text += faults.empty() ? " Nothing has changed." : " The changes are taken back, but for this:";
    for (const std::string& fault : faults) text += " " + fault;
    return std::unexpected(std::move(text));
  }
  return {};
}

Done Adoption::make(const AdoptionStep& step) {
  switch (step.kind) {
    case AdoptionStep::Kind::write_file:
      if (auto noted = note_file(step.path); !noted) return noted;
      return replace_file(step, step.text);
    case AdoptionStep::Kind::copy_file: {
      // Another user owns the folder, and could lead root to any file by a link.
      if (std::filesystem::is_symlink(step.text)) {
        return std::unexpected(concat({step.text, " is a symbolic link; it is not followed."}));
      }
      if (auto noted = note_file(step.path); !noted) return noted;
      const auto content = conf::read_file(step.text);
      if (!content) return std::unexpected(content.error() + ".");
      return replace_file(step, *content);
    }
    case AdoptionStep::Kind::change_owner: {
      struct stat status{};
      if (::stat(step.path.c_str(), &status) != 0) return adoption_fault(step.path, "is not there");
      auto noted = note({"owner", step.path, std::to_string(status.st_uid),
                         std::to_string(status.st_gid), std::to_string(status.st_mode & 07777)});
      if (!noted) return noted;
      return change_owner(step.path, step.owner, step.group, step.mode);
    }
    case AdoptionStep::Kind::run_command: {
      Words words = {"run"};
      words.insert(words.end(), step.undo_command.begin(), step.undo_command.end());
      if (words.size() > 1) {
        if (auto noted = note(words); !noted) return noted;
      }
      return run(step.command);
    }
  }
  return {};
}

// An older file is moved aside before the new one is written.
Done Adoption::note_file(const std::string& path) const {
  if (::access(path.c_str(), F_OK) != 0) return note({"remove", path});
  if (auto noted = note({"restore", path}); !noted) return noted;
  if (::rename(path.c_str(), concat({path, kept_ending}).c_str()) != 0) {
    return adoption_fault(path, "cannot be kept under another name");
  }
  return {};
}

Done Adoption::note(const Words& words) const {
  std::string line;
  for (const std::string& word : words) {
    assert(word.find_first_of("\t\n") == word.npos);  // the configuration takes no such paths
    line += (line.empty() ? "" : "\t") + word;
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(journal_).parent_path(), error);
  const transport::Descriptor file(::open(
      journal_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) return adoption_fault(journal_, "cannot be written");
  return write_all(file.get(), line + "\n", journal_);
}

std::vector<std::string> Adoption::undo() {
  const auto text = conf::read_file(journal_);
  if (!text) return {text.error() + "."};
  std::vector<std::string> faults;
  const auto lines = conf::words_of(*text, "\n");
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    Words words;
    for (const std::string_view word : conf::words_of(*line, "\t")) words.emplace_back(word);
    if (auto back = take_back(words); !back) faults.push_back(std::move(back.error()));
  }
  if (::unlink(journal_.c_str()) != 0) {
    faults.push_back(adoption_fault(journal_, "cannot be removed").error());
  }
  return faults;
}

Done Adoption::take_back(const Words& words) const {
  const std::string_view kind = words.empty() ? "" : std::string_view(words.front());
  if (kind == "remove" && words.size() == 2) {
    if (::unlink(words[1].c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      return adoption_fault(words[1], "cannot be removed");
    }
    return {};
  }
  if (kind == "restore" && words.size() == 2) {
    const std::string kept = concat({words[1], kept_ending});
    if (::rename(kept.c_str(), words[1].c_str()) != 0 && errno != ENOENT) {
      return adoption_fault(words[1], "cannot be put back");
    }
    return {};
  }
  if (kind == "owner" && words.size() == 5) {
    const auto owner = number_of(words[2]);
    const auto group = number_of(words[3]);
    const auto mode = number_of(words[4]);
    if (owner && group && mode) return change_owner(words[1], *owner, *group, *mode);
  }
  if (kind == "run") return run({words.begin() + 1, words.end()});
  return std::unexpected(concat({journal_, " has a line that says nothing."}));
}

Done Adoption::run(const Words& command) const {
  if (!runs_commands_ || command.empty()) return {};
  std::vector<char*> arguments;
  std::string shown;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
    shown += (shown.empty() ? "" : " ") + word;
  }
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int code =
      ::posix_spawnp(&child, arguments.front(), nullptr, nullptr, arguments.data(), environ);
  if (code != 0) return std::unexpected(concat({shown, ": ", std::strerror(code), "."}));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return std::unexpected(concat({shown, " failed."}));
}

}  // namespace server
