#include "tools/darter-client/json.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace shell {
namespace {

/// Appends a code point in UTF-8.
void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80U) {
    out += static_cast<char>(point);
  } else if (point < 0x800U) {
    out += static_cast<char>(0xC0U | (point >> 6U));
    tail(0);
  } else if (point < 0x1'0000U) {
    out += static_cast<char>(0xE0U | (point >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (point >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Reads values off the front of a text.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  std::optional<Json> document() {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
    auto result = value();
    skip_space();
    if (!rest_.empty()) return std::nullopt;
    return result;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && static_cast<unsigned char>(rest_.front()) <= ' ') {
      rest_.remove_prefix(1);
    }
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_after_space(std::string_view word) {
    skip_space();
    return take(word);
  }

  std::optional<Json> value() {
    skip_space();
    if (take("null")) return Json();
    if (take("true")) return Json(true);
    if (take("false")) return Json(false);
    if (rest_.empty()) return std::nullopt;
    switch (rest_.front()) {
      case '"':
        return text_value();
      case '[':
        return members(Json::array(), "]");
      case '{':
        return members(Json::object(), "}");
      default:
        return number();
    }
  }

  std::optional<Json> number() {
    const std::size_t length = std::min(rest_.find_first_not_of("0123456789+-eE."), rest_.size());
    const std::string digits(rest_.substr(0, std::min<std::size_t>(length, 63)));
    char* end = nullptr;
    const double read = std::strtod(digits.c_str(), &end);
    if (end == digits.c_str()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - digits.c_str()));
    return Json(read);
  }

  std::optional<Json> text_value() {
    auto read = text();
    if (!read) return std::nullopt;
    return Json(std::string_view(*read));
  }

  std::optional<std::string> text() {
    if (!take("\"")) return std::nullopt;
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view names = "bfnrt\"\\/";
    constexpr std::string_view meanings = "\b\f\n\r\t\"\\/";
    if (const auto place = names.find(c); place != std::string_view::npos) {
      out += meanings[place];
      return true;
    }
    return c == 'u' && code_point(out);
  }

  std::optional<std::uint32_t> four_digits() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t result = 0;
    for (const char c : rest_.substr(0, 4)) {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto digit = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == std::string_view::npos) return std::nullopt;
      result = result * 16 + static_cast<std::uint32_t>(digit);
    }
    rest_.remove_prefix(4);
    return result;
  }

  /// The digits behind \u; a character above U+FFFF is a pair of them.
  bool code_point(std::string& out) {
    const auto first = four_digits();
    if (!first || (*first >= 0xDC00U && *first <= 0xDFFFU)) return false;
    std::uint32_t point = *first;
    if (point >= 0xD800U && point <= 0xDBFFU) {
      if (!take("\\u")) return false;
      const auto second = four_digits();
      if (!second || *second < 0xDC00U || *second > 0xDFFFU) return false;
      point = 0x1'0000U + (((point & 0x3FFU) << 10U) | (*second & 0x3FFU));
    }
    append_utf8(out, point);
    return true;
  }

  std::optional<Json> members(Json into, std::string_view closing) {
    if (depth_ == json_depth_max) return std::nullopt;
    ++depth_;
    rest_.remove_prefix(1);
    if (!take_after_space(closing)) {
      do {
        if (!member(into)) return std::nullopt;
      } while (take_after_space(","));
      if (!take_after_space(closing)) return std::nullopt;
    }
    --depth_;
    return into;
  }

  bool member(Json& into) {
    std::string name;
    if (into.kind == Json::Kind::object) {
      skip_space();
      auto read = text();
      if (!read || !take_after_space(":")) return false;
      name = std::move(*read);
    }
    auto read = value();
    if (!read) return false;
    into.add(name, std::move(*read));
    return true;
  }

  std::string_view rest_;
  std::size_t depth_ = 0;
};

/// Appends values to a text.
class JsonWriter {
 public:
  explicit JsonWriter(bool pretty) : pretty_(pretty) {}

  void write(const Json& value) {
    switch (value.kind) {
      case Json::Kind::null:
        out_ += "null";
        return;
      case Json::Kind::boolean:
        out_ += value.truth ? "true" : "false";
        return;
      case Json::Kind::number:
        write_number(value.number);
        return;
      case Json::Kind::text:
        write_text(value.text);
        return;
      case Json::Kind::array:
        write_array(value);
        return;
      case Json::Kind::object:
        write_object(value);
        return;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write_number(double number) {
    if (!std::isfinite(number)) {
      out_ += "null";
      return;
    }
    std::array<char, 40> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%1.15g", number);
    // More digits only where these do not give the number back.
    const double read = std::strtod(digits.data(), nullptr);
    const double larger = std::max(std::abs(read), std::abs(number));
    if (std::abs(read - number) > larger * std::numeric_limits<double>::epsilon()) {
      (void)std::snprintf(digits.data(), digits.size(), "%1.17g", number);
    }
    out_ += digits.data();
  }

  void write_text(std::string_view text) {
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view names = "\"\\bfnrt";
    out_ += '"';
    for (const char c : text) {
      if (const auto place = special.find(c); place != std::string_view::npos) {
        out_ += '\\';
        out_ += names[place];
      } else if (static_cast<unsigned char>(c) < 0x20U) {
        std::array<char, 8> code{};
        (void)std::snprintf(code.data(), code.size(), "\\u%04x",
                            static_cast<unsigned>(static_cast<unsigned char>(c)));
        out_ += code.data();
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  void write_array(const Json& value) {
    out_ += '[';
    bool first = true;
    for (const auto& [name, element] : value.members) {
      if (!first) out_ += pretty_ ? ", " : ",";
      first = false;
      // Objects inside are set in by one more than the array.
      ++depth_;
      write(element);
      --depth_;
    }
    out_ += ']';
  }

  void write_object(const Json& value) {
    out_ += '{';
    ++depth_;
    if (pretty_) out_ += '\n';
    for (std::size_t i = 0; i < value.members.size(); ++i) {
      const auto& [name, member] = value.members[i];
      if (pretty_) out_.append(depth_, '\t');
      write_text(name);
      out_ += pretty_ ? ":\t" : ":";
      write(member);
      if (i + 1 < value.members.size()) out_ += ',';
      if (pretty_) out_ += '\n';
    }
    --depth_;
    if (pretty_) out_.append(depth_, '\t');
    out_ += '}';
  }

  std::string out_;
  std::size_t depth_ = 0;
  bool pretty_;
};

}  // namespace

void Json::add(std::string_view name, Json value) {
  assert(kind == Kind::object || (kind == Kind::array && name.empty()));
  members.emplace_back(name, std::move(value));
}

std::optional<Json> parse_json(std::string_view text) { return JsonReader(text).document(); }

std::string print_json(const Json& value, bool pretty) {
  JsonWriter writer(pretty);
  writer.write(value);
  return writer.take();
}

}  // namespace shell
