#include "tools/darter-client/output.h"

#include <cstdio>

namespace shell {

bool print(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

std::string printed_message(const Settings& settings, const mqtt::Publish& message,
                            std::string& fault) {
  std::string out;
  if (!settings.format) {
    print_plain(message, settings.style, out);
    return out;
  }
  if (auto found = settings.format->print(message, Stamp::now(), settings.pretty, out)) {
    fault = std::move(*found);
  }
  if (settings.style.line_end) out += '\n';
  return out;
}

}  // namespace shell
