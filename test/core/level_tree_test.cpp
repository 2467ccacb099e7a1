#include "broker/core/level_tree.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "test/core/topics.h"

using broker::LevelTable;
using broker::LevelTree;

namespace {

std::string deep_path(std::size_t levels) {
  std::string path = "0";
  for (std::size_t i = 1; i < levels; ++i) path += '/' + std::to_string(i);
  return path;
}

/// Every path that walking from `node` finds to hold a value.
void collect(const LevelTree& tree, LevelTree::NodeIndex node, std::set<std::string>& found) {
  if (tree.value(node) != 0) found.insert(tree.path(node));
  for (auto child = tree.first_child(node); child != LevelTree::none;
       child = tree.next_sibling(child)) {
    collect(tree, child, found);
  }
  if (tree.plus_child(node) != LevelTree::none) collect(tree, tree.plus_child(node), found);
  if (tree.hash_child(node) != LevelTree::none) collect(tree, tree.hash_child(node), found);
}

std::set<std::string> paths(const LevelTree& tree) {
  std::set<std::string> found;
  collect(tree, LevelTree::root, found);
  return found;
}

}  // namespace

TEST_CASE("a level has one number as long as it is held", "[level_tree]") {
  LevelTable table;
  const std::size_t before = table.size();
  const std::string level = GENERATE(
      std::string(), std::string("a"), std::string(15, 'b'), std::string(16, 'c'),
      std::string(17, 'd'), std::string(18, 'e'), std::string(19, 'f'), std::string(65'535, 'g'));
  CHECK(table.find(level) == LevelTable::none);
  const std::uint32_t number = table.hold(level);
  CHECK(number != LevelTable::none);
  CHECK(table.hold(level) == number);
  CHECK(table.find(level) == number);
  CHECK(table.text(number) == level);
  table.release(number);
  CHECK(table.find(level) == number);
  table.release(number);
  CHECK(table.find(level) == LevelTable::none);
  CHECK(table.size() == before);
}

TEST_CASE("freed level numbers are used again", "[level_tree]") {
  LevelTable table;
  std::uint32_t highest = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::uint32_t> numbers;
    for (int i = 0; i < 3000; ++i) {
      numbers.push_back(table.hold("level " + std::to_string(round) + "." + std::to_string(i)));
    }
    const std::set<std::uint32_t> different(numbers.begin(), numbers.end());
    REQUIRE(different.size() == numbers.size());
    if (round == 0) highest = *different.rbegin();
    CHECK(*different.rbegin() == highest);
    for (int i = 0; i < 3000; ++i) {
      REQUIRE(table.find("level " + std::to_string(round) + "." + std::to_string(i)) ==
              numbers[static_cast<std::size_t>(i)]);
    }
    for (const std::uint32_t number : numbers) table.release(number);
  }
}

TEST_CASE("a path is found again by its text and tells its text", "[level_tree]") {
  const std::string path = GENERATE(
      as<std::string>{}, "a", "/", "//", "a/", "/a", "+", "#", "a/+/#", "+/+/#", "$SYS/broker",
      "a/a level that is longer than what stands in an entry/c", deep_path(200));
  LevelTree tree;
  CHECK(tree.find(path) == LevelTree::none);
  const auto node = tree.add(path);
  tree.set_value(node, 7);
  CHECK(tree.find(path) == node);
  CHECK(tree.add(path) == node);
  CHECK(tree.path(node) == path);
  CHECK(tree.value(node) == 7);
  CHECK(tree.size() == 1 + test::split(path).size());
  tree.clear_value(node);
  CHECK(tree.find(path) == LevelTree::none);
  CHECK(tree.size() == 1);
}

TEST_CASE("pruning stops at nodes that are needed", "[level_tree]") {
  LevelTree tree;
  const auto inner = tree.add("a/b");
  tree.set_value(inner, 1);
  const auto leaf = tree.add("a/b/c/d");
  tree.set_value(leaf, 2);
  CHECK(tree.size() == 5);
  tree.clear_value(inner);  // still leads to the leaf
  CHECK(tree.size() == 5);
  tree.set_value(inner, 3);
  tree.clear_value(leaf);
  CHECK(tree.size() == 3);
  CHECK(tree.value(tree.find("a/b")) == 3);
  tree.clear_value(inner);
  CHECK(tree.size() == 1);
}

TEST_CASE("a number that is no level has no child", "[level_tree]") {
  LevelTree tree;
  CHECK(tree.level_number("nothing") == LevelTable::none);
  CHECK(tree.child(LevelTree::root, LevelTable::none) == LevelTree::none);
  tree.set_value(tree.add("a/b"), 1);
  CHECK(tree.child(LevelTree::root, LevelTable::none) == LevelTree::none);
  CHECK(tree.child(LevelTree::root, tree.level_number("b")) == LevelTree::none);
  CHECK(tree.level_text(tree.child(LevelTree::root, tree.level_number("a"))) == "a");
}

TEST_CASE("a random tree holds what a map holds, and ends as its root", "[level_tree]") {
  const auto seed = GENERATE(range(1U, 7U));
  CAPTURE(seed);
  test::TopicSource source(seed);
  LevelTree tree;
  std::map<std::string, std::uint32_t> expected;
  for (std::uint32_t step = 1; step < 4000; ++step) {
    if (source.one_in(3) && !expected.empty()) {
      const auto victim =
          std::next(expected.begin(), static_cast<std::ptrdiff_t>(source.below(expected.size())));
      tree.clear_value(tree.find(victim->first));
      expected.erase(victim);
    } else {
      const std::string path = source.filter();
      const auto node = tree.add(path);
      tree.set_value(node, step);
      expected[path] = step;
    }
  }
  std::set<std::string> keys;
  for (const auto& [path, value] : expected) {
    CAPTURE(path);
    keys.insert(path);
    const auto node = tree.find(path);
    REQUIRE(node != LevelTree::none);
    CHECK(tree.value(node) == value);
    CHECK(tree.path(node) == path);
  }
  CHECK(paths(tree) == keys);
  for (const std::string& path : keys) tree.clear_value(tree.find(path));
  CHECK(tree.size() == 1);
}

TEST_CASE("many children of one node come and go", "[level_tree]") {
  LevelTree tree;
  for (int round = 0; round < 3; ++round) {
    std::vector<LevelTree::NodeIndex> nodes;
    for (std::uint32_t i = 1; i <= 5000; ++i) {
      nodes.push_back(tree.add("devices/" + std::to_string(i)));
      tree.set_value(nodes.back(), i);
    }
    CHECK(tree.size() == 5002);
    for (std::uint32_t i = 0; i < 5000; i += 2) tree.clear_value(nodes[i]);
    for (std::uint32_t i = 0; i < 5000; ++i) {
      const auto found = tree.find("devices/" + std::to_string(i + 1));
      REQUIRE(found == (i % 2 == 0 ? LevelTree::none : nodes[i]));
    }
    for (std::uint32_t i = 1; i < 5000; i += 2) tree.clear_value(nodes[i]);
    CHECK(tree.size() == 1);
  }
}
