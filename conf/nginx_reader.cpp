#include "conf/nginx_reader.h"

#include <algorithm>
#include <filesystem>
#include <glob.h>
#include <optional>

#include "conf/file.h"

namespace conf {
namespace {

constexpr int depth_max = 64;            // of blocks and includes, one in the other
constexpr std::size_t files_max = 1000;  // that a circle of includes may read

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

/// A word, or one of the marks between words.
struct Token {
  enum class Kind { word, semicolon, open, close, end };
  Kind kind = Kind::end;
  std::string text;
  int line = 0;
};

/// Cuts a text into words and marks.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  Token next();
  /// Leaves out a block of another language behind its '{': to the '}' that belongs to it.
  void skip_block();
  [[nodiscard]] int line() const noexcept { return line_; }

 private:
  void skip_blanks();
  char take();
  std::string quoted(char quote);
  std::string bare();
  char escaped();

  std::string_view rest_;
  int line_ = 1;
};

char Lexer::take() {
  const char letter = rest_.front();
  rest_.remove_prefix(1);
  if (letter == '\n') ++line_;
  return letter;
}

/// Comments too: they begin where a word could.
void Lexer::skip_blanks() {
  while (!rest_.empty()) {
    if (rest_.front() == '#') {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    } else if (is_blank(rest_.front())) {
      take();
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_blanks();
  Token token{.kind = Token::Kind::end, .text = {}, .line = line_};
  if (rest_.empty()) return token;
  switch (rest_.front()) {
    case ';':
      token.kind = Token::Kind::semicolon;
      break;
    case '{':
      token.kind = Token::Kind::open;
      break;
    case '}':
      token.kind = Token::Kind::close;
      break;
    default: {
      token.kind = Token::Kind::word;
      const char first = rest_.front();
      token.text = first == '"' || first == '\'' ? quoted(take()) : bare();
      return token;
    }
  }
  take();
  return token;
}

/// The character that an escape stands for; other letters keep the backslash, for regular
/// expressions.
char Lexer::escaped() {
  if (rest_.empty()) return '\0';
  switch (rest_.front()) {
    case '"':
    case '\'':
    case '\\':
      return rest_.front();
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    default:
      return '\0';
  }
}

std::string Lexer::quoted(char quote) {
  std::string text;
  while (!rest_.empty()) {
    const char letter = take();
    if (letter == quote) return text;
    const char meant = letter == '\\' ? escaped() : '\0';
    text += meant != '\0' ? meant : letter;
    // A letter that keeps its backslash must not be taken for a quote or another backslash.
    if (letter != '\\' || rest_.empty()) continue;
    const char behind = take();
    if (meant == '\0') text += behind;
  }
  return text;
}

/// A word without quotes: to a blank, a semicolon or a brace. "${name}" is part of it.
std::string Lexer::bare() {
  std::string text;
  bool variable = false;
  while (!rest_.empty()) {
    const char letter = rest_.front();
    if (is_blank(letter) || letter == ';' || (letter == '{' && !variable)) break;
    variable = letter == '$';
    take();
    const char meant = letter == '\\' ? escaped() : '\0';
    text += meant != '\0' ? meant : letter;
    if (letter != '\\' || rest_.empty()) continue;
    const char behind = take();
    if (meant == '\0') text += behind;
  }
  return text;
}

void Lexer::skip_block() {
  for (int depth = 1; !rest_.empty() && depth > 0;) {
    const char letter = take();
    if (letter == '{') ++depth;
    if (letter == '}') --depth;
  }
}

class NginxReader {
 public:
  explicit NginxReader(const NginxIncludes& includes) : includes_(includes) {}

  void read(std::string_view text, const std::string& file, int depth,
            std::vector<NginxDirective>& into);
  [[nodiscard]] NginxConfiguration take() && { return std::move(result_); }
  [[nodiscard]] std::vector<NginxDirective>& top() { return result_.directives; }

 private:
  /// Where in which file.
  struct Reading {
    Lexer lexer;
    const std::string& file;
  };

  void block(Reading& reading, int depth, bool is_file, std::vector<NginxDirective>& into);
  void directive(Reading& reading, Token name, int depth, std::vector<NginxDirective>& into);
  void open_block(Reading& reading, int depth, NginxDirective& directive);
  void include(const NginxDirective& directive, int depth, std::vector<NginxDirective>& into);
  void say(Severity severity, const std::string& file, int line, std::string text);

  const NginxIncludes& includes_;
  NginxConfiguration result_;
};

void NginxReader::say(Severity severity, const std::string& file, int line, std::string text) {
  result_.diagnostics.push_back(
      {.severity = severity, .file = file, .line = line, .text = std::move(text)});
}

void NginxReader::read(std::string_view text, const std::string& file, int depth,
                       std::vector<NginxDirective>& into) {
  result_.files.push_back(file);
  Reading reading{.lexer = Lexer(text), .file = file};
  block(reading, depth, true, into);
}

void NginxReader::block(Reading& reading, int depth, bool is_file,
                        std::vector<NginxDirective>& into) {
  for (;;) {
    Token token = reading.lexer.next();
    switch (token.kind) {
      case Token::Kind::end:
        if (!is_file) {
          say(Severity::error, reading.file, token.line, "A block is not closed: '}' is missing");
        }
        return;
      case Token::Kind::close:
        if (!is_file) return;
        say(Severity::error, reading.file, token.line, "'}' closes no block");
        break;
      case Token::Kind::semicolon:
      case Token::Kind::open:
        say(Severity::error, reading.file, token.line, "The name of a directive is missing");
        if (token.kind == Token::Kind::open) reading.lexer.skip_block();
        break;
      case Token::Kind::word:
        directive(reading, std::move(token), depth, into);
        break;
    }
  }
}

void NginxReader::directive(Reading& reading, Token name, int depth,
                            std::vector<NginxDirective>& into) {
  NginxDirective found{.name = std::move(name.text),
                       .words = {},
                       .place = {.file = reading.file, .line = name.line},
                       .has_block = false,
                       .block = {}};
  Token token = reading.lexer.next();
  for (; token.kind == Token::Kind::word; token = reading.lexer.next()) {
    found.words.push_back(std::move(token.text));
  }
  if (token.kind == Token::Kind::open) {
    open_block(reading, depth, found);
  } else if (token.kind != Token::Kind::semicolon) {
    say(Severity::error, reading.file, name.line, "'" + found.name + "' does not end: ';' missing");
  }
  if (found.name == "include" && !found.has_block && !found.words.empty()) {
    return include(found, depth, into);
  }
  into.push_back(std::move(found));
}

void NginxReader::open_block(Reading& reading, int depth, NginxDirective& directive) {
  directive.has_block = true;
  if (directive.name.ends_with("_by_lua_block")) return reading.lexer.skip_block();
  if (depth < depth_max) return block(reading, depth + 1, false, directive.block);
  say(Severity::error, directive.place.file, directive.place.line, "Blocks are nested too deep");
  reading.lexer.skip_block();
}

void NginxReader::include(const NginxDirective& directive, int depth,
                          std::vector<NginxDirective>& into) {
  const Place& place = directive.place;
  if (depth >= depth_max || result_.files.size() >= files_max) {
    return say(Severity::error, place.file, place.line, "Includes go round in a circle");
  }
  const std::string& pattern = directive.words.front();
  for (const NginxFile& file : includes_(pattern)) {
    if (result_.files.size() >= files_max) return;
    if (file.text) {
      read(*file.text, file.path, depth + 1, into);
    } else {
      say(Severity::warning, place.file, place.line, file.text.error());
    }
  }
}

bool is_pattern(const std::string& path) { return path.find_first_of("*?[") != path.npos; }

/// The files of a pattern that nginx would read, hidden ones left out as by nginx.
std::vector<NginxFile> files_of(const std::string& pattern) {
  if (!is_pattern(pattern)) return {{.path = pattern, .text = read_file(pattern)}};
  std::vector<NginxFile> files;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string path = found.gl_pathv[i];
      files.push_back({.path = path, .text = read_file(path)});
    }
  }
  ::globfree(&found);
  return files;
}

}  // namespace

NginxConfiguration read_nginx(std::string_view text, const std::string& file,
                              const NginxIncludes& includes) {
  NginxReader reader(includes);
  reader.read(text, file, 0, reader.top());
  return std::move(reader).take();
}

std::expected<NginxConfiguration, std::string> read_nginx_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return read_nginx(*text, path, [&folder](const std::string& pattern) {
    return files_of((folder / pattern).string());
  });
}

}  // namespace conf
