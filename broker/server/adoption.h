// broker/server/adoption.h
#pragma once

#include <expected>
#include <string>
#include <sys/types.h>
#include <vector>

namespace server {

/// One change of the machine, with its way back.
struct AdoptionStep {
  enum class Kind {
    write_file,    ///< `path` gets `text`; an older file there is kept as PATH.before-adopt
    copy_file,     ///< `path` becomes a copy of the file `text`
    change_owner,  ///< of the file that is there already
    run_command,   ///< `command`; `undo_command` takes it back, if there is one
  };

  Kind kind = Kind::write_file;
  std::string path = {};
  std::string text = {};
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0;
  std::vector<std::string> command = {};
  std::vector<std::string> undo_command = {};
  std::string line = {};  ///< its line in the plan
};

/// Makes steps, and takes them back by a file that says how.
///
/// Shape     The file has a line for each step that was made, oldest first, its words separated by
///           tabs: remove PATH, restore PATH, owner PATH UID GID MODE, or run WORD...
/// Invariant The line is on disk before its step is made, so that a step that was interrupted is
///           taken back, too.
/// Threads   One. The process has no others yet.
class Adoption {
 public:
  /// `journal`: the path of that file. Without `runs_commands` commands count as done.
  Adoption(std::string journal, bool runs_commands);

  [[nodiscard]] bool is_made() const;

  /// Makes the steps in their order.
  ///
  /// Requires  is_made() is false.
  /// Errors    Sentences: the fault, and how the steps that were made have been taken back.
  [[nodiscard]] std::expected<void, std::string> make(const std::vector<AdoptionStep>& steps);

  /// Takes all steps back, the last one first, and forgets them. A step that cannot be taken back
  /// keeps no other one from it.
  ///
  /// Requires  is_made() is true.
  /// Errors    One sentence for each such step, or one for a file that cannot be read; then no step
  ///           is taken back.
  [[nodiscard]] std::vector<std::string> undo();

 private:
  using Words = std::vector<std::string>;

  [[nodiscard]] std::expected<void, std::string> make(const AdoptionStep& step);
  [[nodiscard]] std::expected<void, std::string> note(const Words& words) const;
  [[nodiscard]] std::expected<void, std::string> note_file(const std::string& path) const;
  [[nodiscard]] std::expected<void, std::string> take_back(const Words& words) const;
  [[nodiscard]] std::expected<void, std::string> run(const Words& command) const;

  std::string journal_;
  bool runs_commands_;
};

}  // namespace server
