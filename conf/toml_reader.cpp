#include "conf/toml_reader.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <algorithm>
#include <cstdint>
#include <expected>
#include <toml++/toml.h>
#include <utility>
#include <vector>

namespace conf {
namespace {

using Owner = SourceWriter::Owner;

std::unexpected<std::string> wrong_kind(const Option& option) {
  const std::string range = range_of(option);
  return std::unexpected("'" + std::string(option.name) + "' must be " +
                         (range.empty() ? "a string" : range));
}

/// One TOML value, no array, as the option wants it.
std::expected<Value, std::string> single_value(const Option& option, const toml::node& node) {
  if (const auto* flag = node.as_boolean()) {
    if (option.type != Type::flag) return wrong_kind(option);
    return flag->get();
  }
  if (const auto* number = node.as_integer()) {
    if (option.type == Type::integer) return check_integer(option, number->get());
    if (option.type == Type::versions) return parse_value(option, std::to_string(number->get()));
    return wrong_kind(option);
  }
  const auto* text = node.as_string();
  const bool wants_text =
      option.type != Type::flag && (option.type != Type::integer || !option.zero_word.empty());
  if (text == nullptr || !wants_text) return wrong_kind(option);
  return parse_value(option, text->get());
}

/// [3, 4] as "3,4".
std::expected<Value, std::string> version_list(const Option& option, const toml::array& array) {
  std::string list;
  for (const toml::node& each : array) {
    const auto number = each.value<std::int64_t>();
    if (!number) return wrong_kind(option);
    list += std::to_string(*number) + ",";
  }
  return parse_value(option, list);
}

constexpr std::string_view blanks_of_toml = " \t\r\v\f";

std::string_view without_blanks_in_front(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(blanks_of_toml), text.size()));
}

/// Does this line begin a table and then give it no name? toml++ 3.3 takes a name for granted.
bool is_nameless_table(std::string_view line) {
  line = without_blanks_in_front(line);
  if (!line.starts_with('[')) return false;
  line = without_blanks_in_front(line.substr(1));
  if (line.starts_with('[')) line = without_blanks_in_front(line.substr(1));
  constexpr std::string_view name_begins =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"']";
  return line.empty() || name_begins.find(line.front()) == name_begins.npos;
}

/// The first line with a table that has no name, counted from 1; 0 if there is none.
int nameless_table_line(std::string_view text) {
  for (int line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    if (is_nameless_table(text.substr(0, end))) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

class TomlReader {
 public:
  TomlReader(std::string file, FileRole role, SourceWriter& writer)
      : file_(std::move(file)), role_(role), writer_(writer) {}

  void read(std::string_view text);

 private:
  void table(const toml::table& table, Owner owner);
  void option(std::string_view name, const toml::node& node, const Place& place, Owner owner);
  void listeners(ListenerKind kind, const toml::node& node);
  void connections(const toml::node& node);
  [[nodiscard]] bool may_stand(const Option& option, std::string_view name, const Place& place,
                               Owner owner);
  void include(const Option& option, const toml::node& node);
  void values(const Option& option, std::string_view name, const toml::node& node, Owner owner);
  void value(const Option& option, std::string_view name, const toml::node& node, Owner owner);
  void check_address(const toml::table& table, const std::string& heading, const Place& place);
  [[nodiscard]] Place place_of(const toml::source_region& region) const {
    return {.file = file_, .line = static_cast<int>(region.begin.line)};
  }

  std::string file_;
  FileRole role_;
  SourceWriter& writer_;
};

void TomlReader::read(std::string_view text) {
  text = without_byte_order_mark(text);
  if (const int line = nameless_table_line(text); line > 0) {
    return writer_.error({.file = file_, .line = line}, "'[' must be followed by a table's name");
  }
  const toml::parse_result parsed = toml::parse(text, file_);
  if (!parsed) {
    std::string what(parsed.error().description());
    // It quotes the file, line ends and all.
    std::ranges::replace_if(
        what, [](char letter) { return static_cast<unsigned char>(letter) < ' '; }, ' ');
    writer_.error(place_of(parsed.error().source()), std::move(what));
    return;
  }
  table(parsed.table(), Owner::globals);
}

/// In the order of the file, which is not the order of the table.
void TomlReader::table(const toml::table& table, Owner owner) {
  using Item = std::pair<const toml::key*, const toml::node*>;
  std::vector<Item> items;
  for (const auto& [key, node] : table) items.emplace_back(&key, &node);
  std::stable_sort(items.begin(), items.end(), [](const Item& left, const Item& right) {
    const auto& a = left.first->source().begin;
    const auto& b = right.first->source().begin;
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  for (const auto& [key, node] : items) option(key->str(), *node, place_of(key->source()), owner);
}

void TomlReader::option(std::string_view name, const toml::node& node, const Place& place,
                        Owner owner) {
  const Option* found = find_option(name);
  const bool top_level = owner == Owner::globals;
  if (found == nullptr) return writer_.unknown(name, place);
  if (found->type == Type::heading && top_level) {
    if (found->name == "listener") return listeners(ListenerKind::mqtt, node);
    if (found->name == "http_listener") return listeners(ListenerKind::http, node);
    return connections(node);
  }
  if (!may_stand(*found, name, place, owner)) return;
  if (found->type == Type::folder) return include(*found, node);
  if (top_level && found->scope == Scope::listener) owner = Owner::default_listener;
  values(*found, name, node, owner);
}

/// Whether an option may stand in that table; if not, this says where it may.
bool TomlReader::may_stand(const Option& option, std::string_view name, const Place& place,
                           Owner owner) {
  const bool of_bridge = option.scope == Scope::bridge;
  if (of_bridge != SourceWriter::is_bridge(owner)) {
    writer_.error(place, "'" + std::string(name) +
                             (of_bridge ? "' belongs to a bridge: it stands in a [[connection]]"
                                        : "' is no option of a bridge: it stands above all "
                                          "[[connection]]"));
    return false;
  }
  const bool of_listener = option.scope == Scope::listener || option.scope == Scope::security;
  if (owner == Owner::globals || of_bridge || of_listener) return true;
  writer_.error(place, "'" + std::string(name) +
                           "' is for the whole broker: it stands above all [[listener]]");
  return false;
}

/// One folder or an array of them, read where the option stands: later options override them.
void TomlReader::include(const Option& option, const toml::node& node) {
  if (role_ == FileRole::included) {
    return writer_.error(place_of(node.source()), "'include_dir' may only stand in the main file");
  }
  const auto one = [&](const toml::node& each) {
    const Place place = place_of(each.source());
    const auto folder = single_value(option, each);
    if (!folder) return writer_.error(place, folder.error());
    include_folder(std::get<std::string>(*folder), place, FileForm::toml, writer_);
  };
  const auto* array = node.as_array();
  if (array == nullptr) return one(node);
  for (const toml::node& each : *array) one(each);
}

void TomlReader::listeners(ListenerKind kind, const toml::node& node) {
  const std::string heading = kind == ListenerKind::http ? "[[http_listener]]" : "[[listener]]";
  const auto one = [this, kind, &heading](const toml::node& each) {
    const Place place = place_of(each.source());
    const auto* listener = each.as_table();
    if (listener == nullptr) return writer_.error(place, "a listener is a table: " + heading);
    const Owner owner = writer_.begin_listener(place, kind);
    check_address(*listener, heading, place);
    table(*listener, owner);
  };
  const auto* array = node.as_array();
  if (array == nullptr) return one(node);
  for (const toml::node& each : *array) one(each);
}

void TomlReader::connections(const toml::node& node) {
  const auto one = [this](const toml::node& each) {
    const Place place = place_of(each.source());
    const auto* connection = each.as_table();
    if (connection == nullptr) return writer_.error(place, "a bridge is a table: [[connection]]");
    const Owner owner = writer_.begin_bridge(place);
    if (!connection->contains("name")) writer_.error(place, "A [[connection]] needs a 'name'");
    table(*connection, owner);
  };
  const auto* array = node.as_array();
  if (array == nullptr) return one(node);
  for (const toml::node& each : *array) one(each);
}

void TomlReader::check_address(const toml::table& table, const std::string& heading,
                               const Place& place) {
  const bool port = table.contains("port");
  const bool path = table.contains("unix_socket_path");
  if (!port && !path) {
    writer_.error(place, "A " + heading + " needs a 'port' or 'unix_socket_path'");
  }
  if (path && (port || table.contains("bind_address"))) {
    writer_.error(place, "A " + heading + " has a 'unix_socket_path' or a 'port', not both");
  }
}

void TomlReader::values(const Option& option, std::string_view name, const toml::node& node,
                        Owner owner) {
  const auto* array = node.as_array();
  if (array == nullptr) return value(option, name, node, owner);
  if (option.repeated) {
    for (const toml::node& each : *array) value(option, name, each, owner);
    return;
  }
  const Place place = place_of(node.source());
  const auto parsed =
      option.type == Type::versions ? version_list(option, *array) : wrong_kind(option);
  if (!parsed) return writer_.error(place, parsed.error());
  writer_.set(option, name, *parsed, place, owner);
}

void TomlReader::value(const Option& option, std::string_view name, const toml::node& node,
                       Owner owner) {
  const Place place = place_of(node.source());
  const auto parsed = single_value(option, node);
  if (!parsed) return writer_.error(place, parsed.error());
  if (writer_.is_given_twice(option, place, owner)) return;
  writer_.set(option, name, *parsed, place, owner);
}

}  // namespace

void read_toml(std::string_view text, const std::string& file, FileRole role,
               SourceWriter& writer) {
  TomlReader(file, role, writer).read(text);
}

}  // namespace conf
