"""This checkout keeps the rules of the architecture."""

import os
import pathlib
import unittest

import rules
import sizes
from tree import Tree

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = Tree(ROOT)
CACHE = os.environ.get("DARTER_ARCHITECTURE_CACHE", str(ROOT / "build" / "architecture"))


class TheTree(unittest.TestCase):
    def keeps(self, complaints):
        if complaints:
            self.fail("\n" + "\n".join(complaints))

    def test_includes_follow_the_table(self):
        self.keeps(rules.includes_follow_the_table(TREE))

    def test_core_has_no_senses(self):
        self.keeps(rules.core_has_no_senses(TREE))

    def test_conditions_live_in_transport(self):
        self.keeps(rules.conditions_live_in_transport(TREE))

    def test_headers_open_once(self):
        self.keeps(rules.headers_open_once(TREE))

    def test_events_are_written(self):
        self.keeps(rules.events_are_written(TREE))

    def test_lines_name_their_event(self):
        self.keeps(rules.lines_name_their_event(TREE))

    def test_commands_exist(self):
        self.keeps(rules.commands_exist(TREE))

    def test_headers_compile_alone(self):
        self.keeps(rules.headers_compile_alone(TREE, CACHE))

    def test_nothing_is_unfinished(self):
        self.keeps(rules.nothing_is_unfinished(TREE))

    def test_top_level_is_fixed(self):
        self.keeps(rules.top_level_is_fixed(TREE))

    def test_lines_fit(self):
        self.keeps(rules.lines_fit(TREE))

    def test_nothing_points_elsewhere(self):
        self.keeps(rules.nothing_points_elsewhere(TREE))

    def test_story_is_true(self):
        self.keeps(rules.story_is_true(TREE))

    def test_files_are_short(self):
        self.keeps(sizes.files_are_short(TREE))

    def test_sources_name_few_headers(self):
        self.keeps(sizes.sources_name_few_headers(TREE))

    def test_core_sources_have_tests(self):
        self.keeps(sizes.core_sources_have_tests(TREE))

    def test_classes_are_small(self):
        self.keeps(sizes.classes_are_small(TREE))

    def test_comments_are_plain(self):
        self.keeps(sizes.comments_are_plain(TREE))


if __name__ == "__main__":
    unittest.main()
