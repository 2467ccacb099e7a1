#include "conf/mosquitto_reader.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace conf {
namespace {

using Owner = SourceWriter::Owner;

constexpr std::string_view blanks_of_mosquitto = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks_of_mosquitto);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks_of_mosquitto) - begin + 1);
}

/// A line as name and the rest. Both are empty on a line that says nothing.
struct Line {
  std::string_view name;
  std::string_view rest;
};

Line split(std::string_view line) {
  if (line.starts_with('#')) return {};
  line = line.substr(0, line.find_last_not_of("\r\n") + 1);
  const auto begin = line.find_first_not_of(' ');
  if (begin == line.npos) return {};
  line.remove_prefix(begin);
  const auto end = std::min(line.find(' '), line.size());
  return {.name = line.substr(0, end), .rest = trimmed(line.substr(end))};
}

/// Does the value run to the end of the line? The others are one word.
bool takes_the_line(const Option& option) {
  switch (option.type) {
    case Type::text:
    case Type::versions:
    case Type::networks:
    case Type::log_destination:
    case Type::folder:
    case Type::numbers:
    case Type::addresses:
    case Type::topic_mapping:
      return true;
    default:
      return false;
  }
}

class MosquittoReader {
 public:
  MosquittoReader(FileRole role, SourceWriter& writer) : role_(role), writer_(writer) {}

  void read(std::string_view text, const std::string& file);

 private:
  /// The reader's position: the line, and the listener or bridge that options belong to there.
  struct Cursor {
    Place place;
    Owner listener = Owner::default_listener;
    std::optional<Owner> bridge;  // that options of a bridge belong to
  };

  void line(Cursor& cursor, Line line);
  void option(Cursor& cursor, const Option& option, Line line);
  void heading(Cursor& cursor, const Option& option, Line line);
  void listener(Cursor& cursor, ListenerKind kind, Line line);
  void connection(Cursor& cursor, Line line);
  void value(Cursor& cursor, const Option& option, Line line);
  void include(const Cursor& cursor, const Option& option, Line line);
  void per_listener_settings(const Cursor& cursor, const Value& value);
  void unknown(const Cursor& cursor, Line line);
  void extra_words(const Cursor& cursor, std::string_view name, std::string_view rest);
  [[nodiscard]] Owner owner_of(const Cursor& cursor, const Option& option) const;
  [[nodiscard]] bool per_listener() const;

  FileRole role_;
  SourceWriter& writer_;
};

void MosquittoReader::read(std::string_view text, const std::string& file) {
  Cursor cursor;
  cursor.place.file = file;
  text = without_byte_order_mark(text);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    ++cursor.place.line;
    line(cursor, split(text.substr(0, end + 1)));
    text.remove_prefix(end + 1);
  }
}

void MosquittoReader::line(Cursor& cursor, Line line) {
  if (line.name.empty()) return;
  const Option* found = find_option(line.name);
  if (found == nullptr) {
    unknown(cursor, line);
  } else if (found->form == Form::toml_only) {
    const bool of_bridge = found->scope == Scope::bridge;
    writer_.error(cursor.place, "'" + std::string(found->name) +
                                    "' belongs to darter.toml; here it is '" +
                                    (of_bridge ? "connection NAME" : "listener 0 PATH") + "'");
  } else {
    option(cursor, *found, line);
  }
}

void MosquittoReader::option(Cursor& cursor, const Option& option, Line line) {
  const bool homeless = option.scope == Scope::bridge && !cursor.bridge;
  if (homeless && option.type != Type::heading) {
    return writer_.error(cursor.place, "'" + std::string(line.name) +
                                           "' belongs to a bridge: it stands below 'connection'");
  }
  if (option.type == Type::heading) {
    heading(cursor, option, line);
  } else if (option.type == Type::folder) {
    include(cursor, option, line);
  } else {
    value(cursor, option, line);
  }
}

void MosquittoReader::heading(Cursor& cursor, const Option& option, Line line) {
  if (option.name == "listener") return listener(cursor, ListenerKind::mqtt, line);
  if (option.name == "http_listener") return listener(cursor, ListenerKind::http, line);
  connection(cursor, line);
}

/// `connection NAME`; Mosquitto's name is one word.
void MosquittoReader::connection(Cursor& cursor, Line line) {
  cursor.bridge = writer_.begin_bridge(cursor.place);
  const auto words = words_of(line.rest, blanks_of_mosquitto);
  if (words.empty()) return writer_.error(cursor.place, "'connection' has no name");
  if (words.size() > 1) {
    extra_words(cursor, line.name,
                line.rest.substr(static_cast<std::size_t>(words[1].data() - line.rest.data())));
  }
  const auto name = parse_value(*find_option("name"), words[0]);
  if (!name) return writer_.error(cursor.place, name.error());
  writer_.set("name", *name, cursor.place, *cursor.bridge);
}

/// `listener PORT [ADDRESS]` or `listener 0 PATH`, and `http_listener` alike; words from one that
/// begins with '#' are a comment.
void MosquittoReader::listener(Cursor& cursor, ListenerKind kind, Line line) {
  const auto words = words_of(line.rest);
  const Option* port_option = find_option("port");
  const bool has_address = words.size() > 1 && !words[1].starts_with('#');
  const bool unix_socket = !words.empty() && words[0] == "0";
  const std::string heading = "'" + std::string(line.name);
  cursor.listener = writer_.begin_listener(cursor.place, kind);
  if (words.empty()) return writer_.error(cursor.place, heading + "' has no port");
  if (unix_socket && !has_address) {
    return writer_.error(cursor.place, heading + " 0' needs the path of a unix socket");
  }
  const auto port = unix_socket ? Value(std::int64_t{0}) : parse_value(*port_option, words[0]);
  if (!port) return writer_.error(cursor.place, heading + "': " + port.error());
  if (!unix_socket) writer_.set("port", *port, cursor.place, cursor.listener);
  if (!has_address) return;
  const std::string_view name = unix_socket ? "unix_socket_path" : "bind_address";
  const auto address = parse_value(*find_option(name), words[1]);
  if (!address) return writer_.error(cursor.place, address.error());
  writer_.set(name, *address, cursor.place, cursor.listener);
  if (words.size() > 2) {
    extra_words(cursor, line.name,
                line.rest.substr(static_cast<std::size_t>(words[2].data() - line.rest.data())));
  }
}

void MosquittoReader::value(Cursor& cursor, const Option& option, Line line) {
  std::string_view text = line.rest;
  if (!takes_the_line(option)) {
    const auto words = words_of(text, blanks_of_mosquitto);
    if (words.size() > 1) {
      extra_words(cursor, line.name,
                  text.substr(static_cast<std::size_t>(words[1].data() - text.data())));
    }
    text = words.empty() ? std::string_view() : words[0];
  }
  const auto parsed = parse_value(option, text);
  if (!parsed) return writer_.error(cursor.place, parsed.error());
  const Owner owner = owner_of(cursor, option);
  if (writer_.is_given_twice(option, cursor.place, owner)) return;
  if (option.name == "per_listener_settings") per_listener_settings(cursor, *parsed);
  writer_.set(option, line.name, *parsed, cursor.place, owner);
}

Owner MosquittoReader::owner_of(const Cursor& cursor, const Option& option) const {
  if (option.name == "port" || option.name == "bind_address") return Owner::default_listener;
  if (option.scope == Scope::listener) return cursor.listener;
  if (option.scope == Scope::bridge) return *cursor.bridge;
  const bool of_listener = option.scope == Scope::security &&
                           cursor.listener != Owner::default_listener && per_listener();
  return of_listener ? cursor.listener : Owner::globals;
}

/// Another file may have said it.
bool MosquittoReader::per_listener() const {
  const Entry* setting = find_entry(writer_.globals(), "per_listener_settings");
  return setting != nullptr && std::get<bool>(setting->value);
}

void MosquittoReader::per_listener_settings(const Cursor& cursor, const Value& value) {
  if (std::get<bool>(value) && writer_.has_security()) {
    writer_.error(cursor.place, "'per_listener_settings' must stand before all security options");
  }
}

void MosquittoReader::include(const Cursor& cursor, const Option& option, Line line) {
  if (role_ == FileRole::included) {
    return writer_.error(cursor.place, "'include_dir' may only stand in the main file");
  }
  const auto folder = parse_value(option, line.rest);
  if (!folder) return writer_.error(cursor.place, folder.error());
  include_folder(std::get<std::string>(*folder), cursor.place, FileForm::mosquitto, writer_);
}

void MosquittoReader::unknown(const Cursor& cursor, Line line) {
  const std::string_view name = line.name;
  if (name.starts_with('#')) {
    return writer_.error(cursor.place, "A comment begins with '#' in the first column");
  }
  const std::string_view before_tab = name.substr(0, name.find('\t'));
  if (before_tab != name && find_option(before_tab) != nullptr) {
    return writer_.error(
        cursor.place, "'" + std::string(before_tab) + "' is followed by a tab; it must be a space");
  }
  writer_.unknown(name, cursor.place);
}

/// Mosquitto reads one word and drops the rest in silence.
void MosquittoReader::extra_words(const Cursor& cursor, std::string_view name,
                                  std::string_view rest) {
  if (rest.starts_with('#')) return;
  constexpr std::size_t shown_bytes = 60;
  writer_.remark(Severity::warning, cursor.place,
                 "'" + std::string(name) + "' takes one value; '" +
                     std::string(rest.substr(0, shown_bytes)) + "' behind it is ignored");
}

}  // namespace

void read_mosquitto(std::string_view text, const std::string& file, FileRole role,
                    SourceWriter& writer) {
  MosquittoReader(role, writer).read(text, file);
}

}  // namespace conf
