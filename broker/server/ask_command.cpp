#include "broker/server/ask_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/ask/cluster.h"
#include "broker/server/ask/table.h"
#include "broker/server/ask_broker_json.h"
#include "broker/server/control_socket.h"
#include "broker/server/top_command.h"
#include "broker/server/trace_command.h"
#include "conf/command_line.h"

namespace server {
namespace {

using broker::concat;
using Json = nlohmann::ordered_json;

constexpr auto usual_files =
    std::to_array<const char*>({"/etc/darter/darter.toml", "/etc/mosquitto/mosquitto.conf"});

/// A list that comes in pages, printed as it comes.
class Listing {
 public:
  using AddRow = void (*)(ask::Table&, const Json&);
  Listing(const conf::AskLine& line, std::string_view name, ask::Table table, AddRow add_row)
      : line_(line), name_(name), table_(std::move(table)), add_row_(add_row) {
    const std::string_view limit = line.value_of("limit");
    std::from_chars(limit.data(), limit.data() + limit.size(), left_);
  }

  int run(const std::string& file) {
    std::string next;
    do {
      auto page = ask_once(file, words(next));
      if (!page) return fail_ask(conf::ExitCode::unusable_listener, page.error());
      next = page->contains("next") && (*page)["next"].is_string()
                 ? (*page)["next"].get<std::string>()
                 : std::string();
      if (!show((*page)[name_])) return static_cast<int>(conf::ExitCode::unusable_listener);
    } while (!next.empty() && left_ > 0);
    return print_answer(end()) ? 0 : static_cast<int>(conf::ExitCode::unusable_listener);
  }

 private:
  /// The question for the page that begins at `next`.
  [[nodiscard]] std::vector<std::string> words(const std::string& next) const {
    std::vector<std::string> all{std::string(line_.command->name)};
    for (const std::string& word : line_.words) {
      const bool is_limit = word.starts_with("limit=");
      all.push_back(is_limit && !next.empty() ? concat({"limit=", std::to_string(left_)}) : word);
    }
    if (!next.empty()) all.push_back("after=" + next);
    return all;
  }

  bool show(const Json& rows) {
    std::string text;
    for (const Json& row : rows) {
      if (left_ == 0) break;
      --left_;
      if (line_.json) {
        text += concat({count_ == 0 ? "{\"" : ",\n", count_ == 0 ? name_ : "",
                        count_ == 0 ? "\":[\n" : "", row.dump()});
      } else {
        add_row_(table_, row);
      }
      ++count_;
    }
    return print_answer(line_.json ? text : table_.print());
  }

  [[nodiscard]] std::string end() const {
    if (!line_.json) return "";
    return count_ == 0 ? concat({"{\"", name_, "\":[]}\n"}) : std::string("\n]}\n");
  }

  const conf::AskLine& line_;
  std::string name_;  // of the list in the answer
  ask::Table table_;
  AddRow add_row_;
  std::size_t left_ = SIZE_MAX;  // rows that are still wanted
  std::size_t count_ = 0;        // rows so far
};

/// A question with one answer.
int ask_for_one(const conf::AskLine& line, const std::string& file) {
  std::vector<std::string> words{std::string(line.command->name)};
  words.insert(words.end(), line.words.begin(), line.words.end());
  const auto answer = ask_once(file, words);
  if (!answer) return fail_ask(conf::ExitCode::unusable_listener, answer.error());
  std::string text;
  if (line.json) {
    text = answer->dump(2) + "\n";
  } else if (line.command->name == "client") {
    text = ask::client_text(*answer);
  } else if (line.command->name == "acl") {
    text = ask::decisions_text(*answer);
  } else if (!answer->empty() && answer->begin()->is_string()) {
    // "disconnected": "sensor-7"
    text = concat(
        {answer->begin().key(), " ", ask::printable(answer->begin()->get<std::string>()), "\n"});
  }
  return print_answer(text) ? 0 : static_cast<int>(conf::ExitCode::unusable_listener);
}

/// The part of the status that is about the cluster.
int show_cluster(const conf::AskLine& line, const std::string& file) {
  const auto answer = ask_once(file, {"status"});
  if (!answer) return fail_ask(conf::ExitCode::unusable_listener, answer.error());
  const auto cluster = answer->find("cluster");
  if (cluster == answer->end() || !cluster->is_object()) {
    return fail_ask(conf::ExitCode::unusable_listener,
                    "This broker is in no cluster: its configuration has no cluster_url.");
  }
  const std::string text = line.json ? cluster->dump(2) + "\n" : ask::cluster_text(*cluster);
  return print_answer(text) ? 0 : static_cast<int>(conf::ExitCode::unusable_listener);
}

}  // namespace

int run_ask(const conf::AskLine& line) {
  std::string file = line.config_file;
  if (file.empty()) {
    const auto* found = std::ranges::find_if(usual_files, has_broker);
    if (found == usual_files.end()) {
      found = std::ranges::find_if(usual_files,
                                   [](const char* path) { return ::access(path, F_OK) == 0; });
    }
    if (found == usual_files.end()) {
      return fail_ask(conf::ExitCode::bad_configuration,
                      "Which broker is meant? Name its configuration: -c FILE.");
    }
    file = *found;
  }
  const std::string_view command = line.command->name;
  if (command == "status") return run_status(line, file);
  if (command == "cluster") return show_cluster(line, file);
  if (command == "top") return run_top(line, file);
  if (command == "trace") return run_trace(line, file);
  const bool has_order = std::ranges::any_of(line.words, [](const std::string& word) {
    return word == "delete" || word.starts_with("forget=") || word.starts_with("lift=");
  });
  if (!has_order && (command == "clients" || command == "sessions")) {
    return Listing(line, "clients", ask::client_table(), &ask::add_client).run(file);
  }
  if (!has_order && command == "retained") {
    ask::Table table{"TOPIC", "QOS", "SIZE", "CLIENT", "PAYLOAD"};
    return Listing(line, "retained", std::move(table), &ask::add_retained).run(file);
  }
  if (!has_order && command == "bans") {
    return Listing(line, "bans", ask::Table{"ADDRESS", "LEFT"}, &ask::add_ban).run(file);
  }
  return ask_for_one(line, file);
}

}  // namespace server
