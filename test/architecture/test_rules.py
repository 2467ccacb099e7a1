"""Each rule fails on a small tree that breaks it, and is quiet on one that does not."""

import pathlib
import tempfile
import unittest

import rules
import sizes
from tree import Tree, without_comments_and_strings


class Rules(unittest.TestCase):
    def tree(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = pathlib.Path(folder.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Tree(folder.name)

    def bad(self, rule, files, *wanted):
        complaints = rule(self.tree(files))
        self.assertEqual(len(complaints), len(wanted), complaints)
        for complaint, part in zip(complaints, wanted):
            self.assertIn(part, complaint)

    def good(self, rule, files):
        self.assertEqual(rule(self.tree(files)), [])

    def test_wire_includes_std_only(self):
        self.bad(rules.includes_follow_the_table,
                 {"broker/core/ids.h": "", "broker/wire/a.h": '#include "broker/core/ids.h"\n'},
                 "broker/wire/a.h:1: broker/wire may not include broker/core/ids.h")
        self.bad(rules.includes_follow_the_table,
                 {"broker/wire/a.h": "\n#include <sys/socket.h>\n"},
                 "broker/wire/a.h:2: broker/wire may not include sys/socket.h")
        self.good(rules.includes_follow_the_table, {"broker/wire/a.h": "#include <vector>\n"})

    def test_core_includes_wire(self):
        wire = {"broker/wire/topic.h": "", "broker/shard.h": "", "transport/loop.h": ""}
        self.good(rules.includes_follow_the_table,
                  wire | {"broker/core/a.cpp": '#include "broker/wire/topic.h"\n'})
        self.bad(rules.includes_follow_the_table,
                 wire | {"broker/core/a.cpp": '#include "broker/shard.h"\n'}, "broker/core may not")
        self.bad(rules.includes_follow_the_table,
                 wire | {"broker/shard.cpp": '#include "transport/loop.h"\n'}, "broker may not")

    def test_client_includes_wire_and_instants(self):
        tree = {"broker/wire/topic.h": "", "broker/core/ids.h": "", "broker/core/log.h": ""}
        for path in ("broker/wire/topic.h", "broker/core/ids.h"):
            self.good(rules.includes_follow_the_table,
                      tree | {"broker/client/a.cpp": f'#include "{path}"\n'})
        self.bad(rules.includes_follow_the_table,
                 tree | {"broker/client/a.cpp": '#include "broker/core/log.h"\n'},
                 "broker/client may not")
        self.bad(rules.core_has_no_senses, {"broker/client/a.h": "#include <random>\n"}, "chance")

    def test_cluster_sees_no_shard(self):
        tree = {"broker/shard.h": "", "broker/field_wire.h": "", "broker/core/log.h": ""}
        for path in ("broker/field_wire.h", "broker/core/log.h"):
            self.good(rules.includes_follow_the_table,
                      tree | {"broker/cluster/a.cpp": f'#include "{path}"\n'})
        self.bad(rules.includes_follow_the_table,
                 tree | {"broker/cluster/a.cpp": '#include "broker/shard.h"\n'},
                 "broker/cluster may not")
        self.bad(rules.core_has_no_senses, {"broker/cluster/a.h": "#include <chrono>\n"}, "a clock")

    def test_shard_sees_no_server(self):
        self.bad(rules.includes_follow_the_table,
                 {"broker/server/log.h": "",
                  "broker/shard.cpp": '#include "broker/server/log.h"\n'},
                 "broker may not include broker/server/log.h")

    def test_libraries_keep_to_their_layer(self):
        for name, path in (("transport/a.cpp", "sodium.h"), ("auth/a.cpp", "uv.h"),
                           ("transport/a.cpp", "nats/nats.h"), ("transport/nats/a.cpp", "uv.h"),
                           ("conf/a.cpp", "uv.h"), ("broker/shard.cpp", "uv.h"),
                           ("tools/x/a.cpp", "wslay/wslay.h")):
            self.bad(rules.includes_follow_the_table, {name: f"#include <{path}>\n"}, path)
        for name, path in (("transport/a.cpp", "uv.h"), ("auth/a.cpp", "sodium.h"),
                           ("conf/a.cpp", "toml++/toml.h"), ("broker/server/a.cpp", "uv.h")):
            self.good(rules.includes_follow_the_table, {name: f"#include <{path}>\n"})

    def test_includes_start_at_the_root(self):
        self.bad(rules.includes_follow_the_table,
                 {"auth/a.h": "", "auth/a.cpp": '#include "a.h"\n'}, "is not a path from the root")

    def test_files_belong_to_a_layer(self):
        self.bad(rules.includes_follow_the_table, {"extras/a.cpp": ""}, "no layer")

    def test_core_has_no_clock(self):
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "#include <chrono>\n"}, "a clock")
        self.bad(rules.core_has_no_senses,
                 {"broker/wire/a.cpp": "auto t = steady_clock::now();\n"}, "a clock")

    def test_core_has_no_thread_or_lock(self):
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "#include <mutex>\n"}, "a lock")
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "thread_local int x;\n"}, "a thread")

    def test_core_has_no_chance(self):
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "#include <random>\n"}, "chance")
        self.bad(rules.core_has_no_senses, {"broker/core/a.cpp": "int x = rand();\n"}, "chance")

    def test_core_has_no_files(self):
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "#include <fstream>\n"}, "input")

    def test_atomics_live_in_one_file(self):
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "#include <atomic>\n"}, "atomics")
        self.bad(rules.core_has_no_senses, {"broker/core/a.h": "std::atomic<int> x;\n"}, "atomics")
        self.good(rules.core_has_no_senses,
                  {"broker/core/shared_bytes.h": "#include <atomic>\nstd::atomic<int> x;\n"})

    def test_words_in_comments_are_free(self):
        self.good(rules.core_has_no_senses,
                  {"broker/core/a.h": '// std::mutex\n/* rand() */ auto s = "std::mutex";\n'})

    def test_senses_outside_the_core_are_free(self):
        self.good(rules.core_has_no_senses, {"transport/a.h": "#include <mutex>\n"})

    def test_conditions(self):
        self.bad(rules.conditions_live_in_transport, {"broker/a.h": "#ifdef X\n#endif\n"}, ":1:")
        self.good(rules.conditions_live_in_transport, {"transport/a.h": "#ifdef X\n#endif\n"})

    def test_pragma_once(self):
        self.bad(rules.headers_open_once, {"broker/a.h": "int x;\n"}, "no #pragma once")
        self.good(rules.headers_open_once, {"broker/a.h": "// broker/a.h\n#pragma once\n"})

    def test_unfinished_marks(self):
        self.bad(rules.nothing_is_unfinished, {"broker/a.h": "// TO" "DO: more\n"}, "a.h:1")

    def test_stray_files(self):
        self.bad(rules.top_level_is_fixed, {"notes.md": "", "broker/a.h": ""}, "notes.md")
        self.good(rules.top_level_is_fixed, {".gitignore": "", "broker/a.h": "", "README.md": ""})

    def test_wide_lines(self):
        self.bad(rules.lines_fit, {"tools/run": "x" * 101 + "\n"}, "101 columns")
        self.good(rules.lines_fit, {"tools/run": "x" * 100 + "\n", "conf/a.json": "x" * 200})

    def test_places_elsewhere(self):
        for line in ("see /wo" "rk/there", "see ../sha" "red/x", "for iss" "ue 17",
                     "https://registry.exa" "mple.org/x"):
            self.bad(rules.nothing_points_elsewhere, {"README.md": line + "\n"}, "README.md:1")
        self.good(rules.nothing_points_elsewhere, {"README.md": "the issue is 2 bytes /workshop\n"})

    def test_story_names_files_that_exist(self):
        self.bad(rules.story_is_true,
                 {"broker/README.md": "see `broker/gone.h`\n"}, "broker/gone.h")
        self.good(rules.story_is_true, {"broker/README.md": "see `broker/a`\n", "broker/a.h": ""})
        self.bad(rules.story_is_true, {}, "missing")

    def test_story_names_functions_that_exist(self):
        files = {"broker/a.h": "void near();\n", "broker/b.h": "// far\nvoid far_away();\n"}
        self.bad(rules.story_is_true, files | {"broker/README.md": "`far` is called\n"}, "no far")
        self.good(rules.story_is_true, files | {"broker/README.md": "`Shard::near()` is called\n"})

    def test_story_rows_tie_functions_to_files(self):
        files = {"broker/a.h": "void near();\n", "broker/b.h": "void far();\n"}
        row = "| `broker/a` | `{}` | bytes |\n"
        self.good(rules.story_is_true, files | {"broker/README.md": row.format("near")})
        self.bad(rules.story_is_true, files | {"broker/README.md": row.format("far")},
                 "no far in broker/a.h")

    def test_events_without_a_line(self):
        events = {"broker/core/event.h": "enum class Event : int { message, a, b, count };\n",
                  "broker/core/events.cpp": "Event::b;\n"}
        self.bad(rules.events_are_written, events | {"broker/x.cpp": "f(Event::a);\n"},
                 "broker/core/event.h:1: no source writes a line with b")
        self.good(rules.events_are_written,
                  events | {"transport/x.cpp": "f(Event::a, Event::b);\n"})

    def test_lines_without_an_event(self):
        self.bad(rules.lines_name_their_event,
                 {"broker/a.cpp": 'log_.note(LogType::notice,\n          {"Client ", id});\n',
                  "persistence/b.cpp": '\nlog_.write(broker::LogType::error, "x");\n'},
                 "broker/a.cpp:1: the line has no event",
                 "persistence/b.cpp:2: the line has no event")
        self.good(rules.lines_name_their_event,
                  {"broker/a.cpp": 'log_.note(LogType::notice, {.event = e}, {"Client ", id});\n'
                                   'log_.note(LogType::debug, {"x"});\n'
                                   'log_.write_event(LogType::error, fields, "x");\n'})

    def test_commands_of_a_readme_exist(self):
        files = {"tools/run": "--port N\n", "test/bench/README.md": "`test/bench/cores --use 1`\n"}
        self.bad(rules.commands_exist, files, "no test/bench/cores")
        files["test/bench/cores"] = "--use\n"
        self.good(rules.commands_exist, files)
        self.good(rules.commands_exist, files | {"README.md": "    ./tools/run --port 2  # x\n"})
        self.bad(rules.commands_exist, files | {"README.md": "\nsee `tools/run --prot 2`\n"},
                 "README.md:2: tools/run has no --prot")

    def test_headers_compile_alone(self):
        self.bad(rules.headers_compile_alone,
                 {"broker/a.h": "#pragma once\nstd::string x();\n", "broker/b.h": "#pragma once\n"},
                 "broker/a.h:1: does not compile alone")
        self.good(rules.headers_compile_alone,
                  {"broker/a.h": "#pragma once\n#include <string>\nstd::string x();\n"})

    def test_a_source_that_includes_its_header_first_shows_it(self):
        lacking = "#pragma once\nstd::string x();\n"
        first = {"broker/a.h": lacking, "broker/a.cpp": '// A.\n#include "broker/a.h"\n'}
        self.good(rules.headers_compile_alone, first)  # the build is what fails
        later = {"broker/a.h": lacking, "broker/a.cpp": '#include <string>\n#include "broker/a.h"'}
        self.bad(rules.headers_compile_alone, later, "broker/a.h:1: does not compile alone")
        test = {"test/a.h": lacking, "test/a.cpp": '#include "test/a.h"\n'}
        self.bad(rules.headers_compile_alone, test, "test/a.h:1: does not compile alone")

    def test_good_headers_are_remembered_until_they_change(self):
        with tempfile.TemporaryDirectory() as cache:
            good = {"broker/a.h": '#pragma once\n#include "broker/b.h"\n',
                    "broker/b.h": "#pragma once"}
            self.assertEqual(rules.headers_compile_alone(self.tree(good), cache), [])
            self.assertEqual(len(list(pathlib.Path(cache).iterdir())), 2)
            bad = good | {"broker/b.h": "#pragma once\nstd::string x();\n"}
            self.assertEqual(len(rules.headers_compile_alone(self.tree(bad), cache)), 2)

    def test_long_files(self):
        self.bad(sizes.files_are_short, {"auth/a.cpp": "int x;\n" * 401}, "401 lines")
        self.good(sizes.files_are_short, {"auth/a.cpp": "int x;\n" * 400,
                                          "test/a.cpp": "int x;\n" * 500})

    def test_sources_that_include_everything(self):
        lines = "".join(f"#include <h{i}>\n" for i in range(46))
        self.bad(sizes.sources_name_few_headers, {"auth/a.cpp": lines}, "46 headers")
        self.good(sizes.sources_name_few_headers, {"auth/a.cpp": lines.split("\n", 1)[1]})

    def test_core_sources_without_a_test(self):
        core = {"broker/core/a.cpp": "", "broker/core/b.h": ""}
        self.bad(sizes.core_sources_have_tests, core, "no test/core/a_test.cpp")
        self.good(sizes.core_sources_have_tests, core | {"test/core/a_test.cpp": ""})

    def test_classes_with_many_methods(self):
        def methods(count):
            return "".join(f"  std::map<int, int> f{i}(int a, int b) const {{ if (a) {{}} }}\n"
                           for i in range(count))
        self.good(sizes.classes_are_small, {"auth/a.h": f"class A {{\n{methods(40)}}};\n"})
        self.bad(sizes.classes_are_small, {"auth/a.h": f"\nclass A {{\n{methods(41)}}};\n"},
                 "auth/a.h:2: A has 41 methods")
        inner = f"class A {{\n public:\n  struct B {{\n{methods(30)}  }};\n{methods(30)}}};\n"
        self.good(sizes.classes_are_small, {"auth/a.h": inner})

    def test_classes_with_many_members(self):
        def members(count):
            return "".join(f"  std::pair<int, int> m{i}_{{0, {i}}};\n" for i in range(count))
        more = "  A(const A&) = delete;\n  using B = int;\n  static constexpr int c = 1;\n"
        self.good(sizes.classes_are_small, {"auth/a.h": f"class A {{\n{more}{members(20)}}};\n"})
        self.bad(sizes.classes_are_small, {"auth/a.h": f"class A {{\n{members(21)}}};\n"},
                 "A has 21 members")
        self.good(sizes.classes_are_small, {"auth/a.h": f"struct A {{\n{members(50)}}};\n"})
        acts = members(21) + "".join(f"  void f{i}();\n" for i in range(6))
        self.bad(sizes.classes_are_small, {"auth/a.h": f"struct A {{\n{acts}}};\n"}, "21 members")

    def test_comments_with_pronouns(self):
        self.bad(sizes.comments_are_plain, {"auth/a.h": "// Who comes is let in.\n"}, "auth/a.h:1")
        self.bad(sizes.comments_are_plain, {"auth/a.h": "// What comes is kept.\n" * 2},
                 "auth/a.h:1", "auth/a.h:2")
        self.good(sizes.comments_are_plain, {"auth/a.h": "// A client is let in.\nint who;\n"})

    def test_comments_and_strings_are_left_out(self):
        code = without_comments_and_strings('int a = 1\'000; // b\nchar c = \'"\'; /* d\n*/ int e;')
        self.assertEqual(code.count("\n"), 2)
        self.assertIn("int e;", code)
        self.assertIn("1'000", code)
        self.assertNotIn("d", code.split("\n")[1])


if __name__ == "__main__":
    unittest.main()
