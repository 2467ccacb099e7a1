#include "broker/server/ask_broker_json.h"

#include <cstdio>
#include <utility>

#include "broker/server/ask/table.h"
#include "broker/server/control_socket.h"

namespace server {

std::expected<nlohmann::ordered_json, std::string> ask_once(const std::string& file,
                                                            const std::vector<std::string>& words) {
  const auto answer =
      ask_broker(file, ControlQuestion(words.begin(), words.end()), possible_brokers(file));
  if (!answer) return std::unexpected(answer.error());
  auto json = nlohmann::ordered_json::parse(answer->text, nullptr, false);
  // A broker that does not take the asker answers in a sentence.
  if (json.is_discarded() || !json.is_object()) {
    std::string text = answer->text.substr(0, answer->text.find('\n'));
    return std::unexpected(text.empty() ? "The broker's answer is empty." : std::move(text));
  }
  if (answer->exit_status != 0) return std::unexpected(json.value("error", "It did not work."));
  return json;
}

bool print_answer(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0;
}

int fail_ask(conf::ExitCode code, std::string_view sentence) {
  std::fprintf(stderr, "Error: %s\n", ask::printable(sentence).c_str());
  return static_cast<int>(code);
}

}  // namespace server
