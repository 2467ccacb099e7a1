#include "tools/darter-client/format.h"

#include <algorithm>
#include <utility>

#include "tools/darter-client/field.h"

namespace shell {
namespace {

// Separators of groups of hexadecimal digits. '.' begins a precision before it gets here.
constexpr std::string_view separators = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";
constexpr std::string_view escapes = "\\0aenrtv";
constexpr std::string_view escaped{"\\\0\a\033\n\r\t\v", 8};
constexpr int width_max = 1'000'000;  // a wider field is meant by nobody, and costs memory

std::unexpected<std::string> format_fault(std::string text) {
  return std::unexpected("Error: " + std::move(text) + "\n");
}

/// Reads a format letter by letter.
class FormatReader {
 public:
  explicit FormatReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  char take() { return text_[at_++]; }
  [[nodiscard]] bool next_is(char c) const { return !at_end() && text_[at_] == c; }
  bool take_if(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  int take_number() {
    int number = 0;
    while (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') {
      number = std::min(number * 10 + (take() - '0'), width_max);
    }
    return number;
  }

  std::expected<Field, std::string> field() {
    Field result;
    result.left = take_if('-');
    result.zeros = take_if('0');
    result.width = take_number();
    if (take_if('.')) result.precision = take_number();
    if (!at_end() && separators.contains(text_[at_])) result.separator = take();
    if (at_end()) return format_fault("Incomplete format specifier.");
    result.letter = take();
    if (is_field_letter(result.letter)) return result;
    return format_fault(std::string("Invalid format specifier '") + result.letter + "'.");
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Stamp Stamp::now() {
  timespec time{};
  (void)clock_gettime(CLOCK_REALTIME, &time);
  return {.seconds = time.tv_sec, .nanoseconds = time.tv_nsec};
}

std::expected<Format, std::string> Format::parse(std::string_view text) {
  Format result;
  FormatReader reader(text);
  std::string plain;
  const auto add = [&](Piece piece) {
    if (!plain.empty()) result.pieces_.push_back({.text = std::exchange(plain, {})});
    result.pieces_.push_back(std::move(piece));
  };
  while (!reader.at_end()) {
    const char c = reader.take();
    if (c != '%' && c != '@' && c != '\\') {
      plain += c;
    } else if (c == '%') {
      auto field = reader.field();
      if (!field) return std::unexpected(std::move(field).error());
      add({.kind = Piece::Kind::field, .field = *field});
    } else if (reader.at_end()) {
      return format_fault(c == '@' ? "Incomplete format specifier."
                                   : "Incomplete escape specifier.");
    } else if (c == '@') {
      const char letter = reader.take();
      if (letter == '@') {
        plain += '@';
      } else {
        add({.kind = Piece::Kind::date, .text = std::string(1, letter)});
      }
    } else {
      const char letter = reader.take();
      const auto place = escapes.find(letter);
      if (place == std::string_view::npos) {
        return format_fault(std::string("Invalid escape specifier '") + letter + "'.");
      }
      plain += escaped[place];
    }
  }
  if (!plain.empty()) result.pieces_.push_back({.text = std::move(plain)});
  return result;
}

std::optional<std::string> Format::print(const mqtt::Publish& message, Stamp stamp, bool pretty,
                                         std::string& out) const {
  std::optional<std::string> fault;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::text:
        out += piece.text;
        break;
      case Piece::Kind::date:
        out += piece.text == "N" ? digits_of(stamp.nanoseconds, 9)
                                 : time_text(stamp, ("%" + piece.text).c_str());
        break;
      case Piece::Kind::field:
        if (auto found = print_field(message, stamp, piece.field, pretty, out)) fault = found;
        break;
    }
  }
  return fault;
}

void print_plain(const mqtt::Publish& message, const PlainStyle& style, std::string& out) {
  const bool empty = message.payload.empty();
  if (style.verbose && empty) {
    if (style.line_end) out.append(message.topic).append(" (null)\n");
    return;
  }
  if (empty) return;
  if (style.verbose) out.append(message.topic).append(" ");
  out += mqtt::as_text(message.payload);
  if (style.line_end) out += '\n';
}

}  // namespace shell
