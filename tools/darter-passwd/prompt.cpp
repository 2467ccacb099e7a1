#include "tools/darter-passwd/prompt.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <sodium.h>
#include <string_view>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace passwd {
namespace {

constexpr std::size_t password_bytes_max = 65535;  // the longest of a CONNECT

/// Holds signals back that would end or stop the program, as long as this lives. One that came
/// meanwhile does its work when this goes.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) {
      // One that is ignored (nohup) would be seen too, were it held back.
      struct sigaction action{};
      const bool known = ::sigaction(number, nullptr, &action) == 0;
      if (known && action.sa_handler != SIG_IGN) ::sigaddset(&held, number);
    }
    ::sigprocmask(SIG_BLOCK, &held, &before_);
    descriptor_ = ::signalfd(-1, &held, SFD_CLOEXEC);
  }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;
  ~SignalsHeldBack() {
    if (descriptor_ >= 0) ::close(descriptor_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  /// Waits for input or for a signal, whatever comes first. Returns false for a signal.
  [[nodiscard]] bool wait_for_input() const {
    std::array<pollfd, 2> both{{{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}}};
    while (::poll(both.data(), both.size(), -1) < 0 && errno == EINTR) {
    }
    return both.front().revents == 0;
  }

 private:
  sigset_t before_{};
  int descriptor_ = -1;  // readable while a signal waits
};

/// A terminal without echo that hands over each key, as long as this lives.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
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

enum class LineEnd : std::uint8_t { line_feed, end_of_input, signal };

/// One line of input, in memory that is wiped.
class Line {
 public:
  Line() { bytes_.reserve(password_bytes_max + 1); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { wipe(); }

  /// Reads up to the end of the line; from a terminal if there are `signals` to be watched.
  LineEnd read(const SignalsHeldBack* signals) {
    const bool terminal = signals != nullptr;
    for (char c = 0; bytes_.size() <= password_bytes_max;) {
      if (terminal && !signals->wait_for_input()) return LineEnd::signal;
      const ssize_t got = ::read(STDIN_FILENO, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return LineEnd::end_of_input;
      if (c == '\n' || (terminal && c == '\r')) return LineEnd::line_feed;
      if (terminal && c == ctrl('D') && bytes_.empty()) return LineEnd::end_of_input;
      terminal ? key(c) : bytes_.push_back(c);
    }
    return LineEnd::end_of_input;
  }

  void wipe() {
    sodium_memzero(bytes_.data(), bytes_.size());
    bytes_.clear();
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
      wipe();
    } else if (c == '\b' || c == 0x7f) {
      while (!bytes_.empty() && continues_utf8(bytes_.back())) bytes_.pop_back();
      if (!bytes_.empty()) bytes_.pop_back();
    } else {
      bytes_.push_back(c);
    }
  }

  std::vector<char> bytes_;  // never grows beyond its reserve, so it leaves no copies behind
};

void show(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
  (void)std::fflush(stderr);
}

LineEnd ask_once(const std::string& question, Line& line) {
  const SignalsHeldBack signals;
  const SilentTerminal silent;
  show(question);
  const LineEnd end = line.read(&signals);
  if (end == LineEnd::signal) line.wipe();
  show("\n");
  return end;
}

/// Asks until there is an answer: a signal that did not end the program only stopped it.
LineEnd ask(const std::string& question, Line& line) {
  LineEnd end = LineEnd::signal;
  while (end == LineEnd::signal) end = ask_once(question, line);
  return end;
}

/// SIGQUIT (Ctrl-\ at a prompt) writes a core, and that would hold the typed characters.
void leave_no_core() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

std::optional<std::string> fault_of(std::string_view password) {
  if (password.empty()) return "Empty password.";
  if (password.size() > password_bytes_max) {
    return "Password must be less than 65536 characters long.";
  }
  return std::nullopt;
}

}  // namespace

std::expected<broker::Secret, PromptFault> ask_password(const std::string& user, bool new_one) {
  leave_no_core();
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  Line first;
  LineEnd end = terminal ? ask(new_one ? "Password: " : "Password of " + user + ": ", first)
                         : first.read(nullptr);
  if (const auto fault = fault_of(first.text())) return std::unexpected(PromptFault{*fault, false});
  if (new_one && (terminal || end == LineEnd::line_feed)) {
    Line second;
    end = terminal ? ask("Reenter password: ", second) : second.read(nullptr);
    const bool repeated = terminal || end == LineEnd::line_feed || !second.text().empty();
    if (repeated && second.text() != first.text()) {
      return std::unexpected(PromptFault{"Passwords do not match.", true});
    }
  }
  return broker::Secret(first.text());
}

}  // namespace passwd
