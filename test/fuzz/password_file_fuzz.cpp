// Password files: any text is users, or faults with file and line.

#include <string>

#include "auth/password_file.h"
#include "test/fuzz/input.h"

namespace {

using auth::PasswordFile;
using fuzz::require;

/// "NAME:LINE: what" in every line.
void check_faults(std::string_view faults) {
  require(!faults.empty(), "a refusal says why");
  std::size_t last = 0;
  while (!faults.empty()) {
    const std::size_t end = std::min(faults.find('\n'), faults.size());
    const std::string_view line = faults.substr(0, end);
    require(line.starts_with("users:"), "every line names the file");
    const std::size_t number = std::strtoul(std::string(line.substr(6)).c_str(), nullptr, 10);
    require(number > last, "and its line, in order");
    last = number;
    faults.remove_prefix(std::min(end + 1, faults.size()));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto copy = fuzz::exact_copy(input.rest());
  const auto file = PasswordFile::parse(mqtt::as_text(copy), "users");
  if (!file) {
    check_faults(file.error());
    return 0;
  }
  std::string again;
  bool known_cost = file->size() == 0;
  for (const std::string& user : file->users()) {
    const auth::PasswordHash* const hash = file->find(user);
    require(hash != nullptr, "users() are found");
    known_cost = known_cost || hash->cost_text() == file->decoy().cost_text();
    again += user + ":" + hash->text() + "\n";
    if (hash->kind() == auth::HashKind::sha512) {
      require(hash->verify("no password") != auth::Match::failed, "a cheap hash is computed");
    }
  }
  require(known_cost, "the decoy costs what some user costs");
  require(file->changed_in(*file).empty(), "a file has not changed from itself");
  const auto second = PasswordFile::parse(again, "again");
  require(second.has_value(), "what was read is written and read");
  require(second->users() == file->users() && file->changed_in(*second).empty(), "the same users");
  return 0;
}
