#include "tools/darter-client/run.h"

#include <csignal>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tools/darter-client/command_line.h"
#include "tools/darter-client/help.h"
#include "tools/darter-client/input.h"
#include "tools/darter-client/link_options.h"
#include "tools/darter-client/output.h"
#include "tools/darter-client/publish_task.h"
#include "tools/darter-client/session.h"
#include "tools/darter-client/subscribe_task.h"

namespace shell {
namespace {

constexpr int failed = static_cast<int>(Status::failed);

std::optional<std::string> environment_value(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int complain(const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  return failed;
}

/// Mosquitto's tools say 1 after --help and --version too.
int answer_without_settings(Tool tool, const NoSettings& reason) {
  const std::string name(name_of(tool));
  switch (reason.why) {
    case NoSettings::Why::help:
      (void)print(help_text(tool));
      return failed;
    case NoSettings::Why::version:
      (void)print(name + " version " DARTER_VERSION "\n");
      return failed;
    case NoSettings::Why::refused:
      break;
  }
  return complain(reason.text + "\nUse '" + name + " --help' to see usage.\n");
}

/// The payload of the message, wherever it comes from.
std::expected<std::string, std::string> payload_of(const Settings& settings) {
  switch (settings.source) {
    case Source::argument:
      return settings.message;
    case Source::standard_input: {
      auto text = read_descriptor(STDIN_FILENO, payload_bytes_max);
      if (text && !text->empty()) return text;
      return std::unexpected("Error: " + (text ? "Zero length input" : text.error()) +
                             ".\nError loading input from stdin.\n");
    }
    case Source::file: {
      auto text = read_file(settings.message, payload_bytes_max);
      if (text) return text;
      return std::unexpected("Error: Unable to read file \"" + settings.message +
                             "\": " + text.error() + ".\nError loading input file \"" +
                             settings.message + "\".\n");
    }
    case Source::none:
    case Source::lines:
    case Source::empty:
      break;
  }
  return std::string();
}

/// Checks options that a tool cannot do without. Returns the error, or nothing.
std::optional<std::string> missing_part(const Settings& settings) {
  const bool message = settings.topic && settings.source != Source::none;
  switch (settings.tool) {
    case Tool::pub:
      if (!message) {
        return "Error: Both topic and message must be supplied.\nUse 'darter-pub --help' to see "
               "usage.\n";
      }
      break;
    case Tool::sub:
      if (settings.skip_retained && settings.retained_only) {
        return "\nError: Combining '-R' and '--retained-only' makes no sense.\n";
      }
      break;
    case Tool::rr:
      if (!message || !settings.response_topic) {
        return "Error: All of topic, message, and response topic must be supplied.\n\nUse "
               "'darter-rr --help' to see usage.\n";
      }
      break;
  }
  return std::nullopt;
}

/// The request says where its response is to go.
std::optional<std::string> add_response_topic(Settings& settings) {
  if (settings.tool != Tool::rr) return std::nullopt;
  add_property(settings.properties.publish, mqtt::PropertyId::response_topic,
               *settings.response_topic);
  if (check_properties(settings.properties)) return std::nullopt;
  return "Error in PUBLISH properties: Duplicate response topic.\n";
}

int run_session(const Settings& settings, transport::LinkOptions link, std::string payload) {
  // A reader of the output that has gone is noticed by the write.
  (void)std::signal(SIGPIPE, SIG_IGN);
  if (link.tls && !settings.quiet && settings.security.insecure) {
    (void)complain(
        "Warning: --insecure: the broker's certificate is not checked, so anyone may listen.\n");
  }
  if (link.tls && !settings.quiet && !settings.security.keylog_file.empty()) {
    (void)complain("Warning: --tls-keylog: the secrets of this connection are in " +
                   settings.security.keylog_file + ", for whoever can read it.\n");
  }
  Session session(settings, std::move(link));
  std::unique_ptr<Task> task;
  switch (settings.tool) {
    case Tool::pub:
      task = settings.source == Source::lines ? publish_lines_task()
                                              : publish_task(std::move(payload));
      break;
    case Tool::sub:
      session.take_signals();
      task = subscribe_task(session);
      break;
    case Tool::rr:
      task = request_task(std::move(payload));
      break;
  }
  return session.run(*task);
}

}  // namespace

int run_tool(Tool tool, int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const Environment environment{.config_home = environment_value("XDG_CONFIG_HOME"),
                                .home = environment_value("HOME")};
  auto settings = read_command_line(tool, words, environment);
  if (!settings) return answer_without_settings(tool, settings.error());
  // Errors of input, but not those of options, are silenced by --quiet.
  const auto fail = [&](const std::string& text) {
    return settings->quiet ? failed : complain(text);
  };
  auto payload = payload_of(*settings);
  if (!payload) return fail(payload.error());
  if (auto missing = missing_part(*settings)) return complain(*missing);
  if (auto fault = add_response_topic(*settings)) return fail(*fault);
  auto link = link_options(*settings);
  if (!link) return fail(link.error());
  return run_session(*settings, std::move(*link), std::move(*payload));
}

}  // namespace shell
