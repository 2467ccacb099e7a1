#include "tools/darter-passwd/prompt.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <sodium.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace passwd {
namespace {

constexpr std::size_t password_bytes_max = 65535;  // what CONNECT can carry

/// A terminal that shows nothing and hands over every key, Ctrl-C too, as long as this lives.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool changed_ = false;
};

enum class LineEnd : std::uint8_t { line_feed, end_of_input, cancelled };

/// One line of input, in memory that is wiped.
class Line {
 public:
  Line() { bytes_.reserve(password_bytes_max + 1); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { sodium_memzero(bytes_.data(), bytes_.size()); }

  LineEnd read(bool terminal) {
    for (char c = 0; bytes_.size() <= password_bytes_max;) {
      const ssize_t got = ::read(STDIN_FILENO, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return LineEnd::end_of_input;
      if (c == '\n' || (terminal && c == '\r')) return LineEnd::line_feed;
      if (terminal && c == ctrl('C')) return LineEnd::cancelled;
      if (terminal && c == ctrl('D') && bytes_.empty()) return LineEnd::end_of_input;
      terminal ? key(c) : bytes_.push_back(c);
    }
    return LineEnd::end_of_input;
  }

  [[nodiscard]] std::string_view text() const {
    std::string_view text(bytes_.data(), bytes_.size());
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

 private:
  static constexpr char ctrl(char letter) { return static_cast<char>(letter & 0x1f); }
  static bool continues_utf8(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

  void key(char c) {
    if (c == ctrl('U')) {
      bytes_.clear();
    } else if (c == '\b' || c == 0x7f) {
      while (!bytes_.empty() && continues_utf8(bytes_.back())) bytes_.pop_back();
      if (!bytes_.empty()) bytes_.pop_back();
    } else {
      bytes_.push_back(c);
    }
  }

  std::vector<char> bytes_;  // never grows beyond what is reserved, so it leaves no copies behind
};

void show(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
  (void)std::fflush(stderr);
}

LineEnd ask(const std::string& question, Line& line) {
  const SilentTerminal silent;
  show(question);
  const LineEnd end = line.read(true);
  show("\n");
  return end;
}

std::unexpected<std::string> error(const std::string& text) { return std::unexpected(text); }

std::optional<std::string> fault_of(std::string_view password) {
  if (password.empty()) return "the password is empty";
  if (password.size() > password_bytes_max) return "the password is longer than 65535 bytes";
  return std::nullopt;
}

}  // namespace

std::expected<auth::Secret, std::string> ask_password(const std::string& user, bool new_one) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  Line first;
  LineEnd end = terminal
                    ? ask((new_one ? "New password for " : "Password of ") + user + ": ", first)
                    : first.read(false);
  if (end == LineEnd::cancelled) return error("cancelled; nothing was changed");
  if (const auto fault = fault_of(first.text())) return error(*fault);
  if (new_one && (terminal || end == LineEnd::line_feed)) {
    Line second;
    end = terminal ? ask("Once more: ", second) : second.read(false);
    if (end == LineEnd::cancelled) return error("cancelled; nothing was changed");
    const bool repeated = terminal || end == LineEnd::line_feed || !second.text().empty();
    if (repeated && second.text() != first.text()) return error("the two passwords differ");
  }
  return auth::Secret(first.text());
}

}  // namespace passwd
