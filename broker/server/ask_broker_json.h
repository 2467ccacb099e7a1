// broker/server/ask_broker_json.h
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "conf/command_line.h"

namespace server {

/// Asks the broker of a configuration file one question. The words are those of ask::Question.
///
/// Errors    One sentence: the broker's, or why it does not answer.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> ask_once(
    const std::string& file, const std::vector<std::string>& words);

/// Writes to standard output. Returns whether it took all.
bool print_answer(std::string_view text);

/// Writes "Error: SENTENCE" to standard error. Returns the exit status of `code`.
int fail_ask(conf::ExitCode code, std::string_view sentence);

}  // namespace server
