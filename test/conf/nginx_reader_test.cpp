#include "conf/nginx_reader.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "test/conf/configuration.h"

namespace {

using conf::NginxConfiguration;
using conf::NginxDirective;
using Texts = std::vector<std::string>;

NginxConfiguration read(const std::string& text) {
  return conf::read_nginx(text, "nginx.conf",
                          [](const std::string&) { return std::vector<conf::NginxFile>{}; });
}

/// A directive in one line: "3:location(/)[4:deny(all)]".
std::string outline(const std::vector<NginxDirective>& directives) {
  std::string text;
  for (const NginxDirective& each : directives) {
    text += (text.empty() ? "" : " ") + std::to_string(each.place.line) + ":" + each.name;
    for (const std::string& word : each.words) text += "(" + word + ")";
    if (each.has_block) text += "[" + outline(each.block) + "]";
  }
  return text;
}

Texts errors_of(const NginxConfiguration& configuration) {
  Texts texts;
  for (const auto& each : configuration.diagnostics) texts.push_back(conf::format(each));
  return texts;
}

}  // namespace

TEST_CASE("directives, blocks and lines", "[conf][nginx]") {
  const auto read_back = read(
      "user www-data; # who\n"
      "events { worker_connections 10; }\n"
      "http {\n"
      "  server {\n"
      "    listen 443 ssl;listen 80;\n"
      "    location ~ \\.php$ {\n"
      "      deny\n"
      "        all\n"
      "        ;\n"
      "    }\n"
      "  }\n"
      "}\n");
  CHECK(errors_of(read_back).empty());
  CHECK(outline(read_back.directives) ==
        "1:user(www-data) 2:events[2:worker_connections(10)] "
        "3:http[4:server[5:listen(443)(ssl) 5:listen(80) 6:location(~)(\\.php$)[7:deny(all)]]]");
}

TEST_CASE("quotes, escapes and variables", "[conf][nginx]") {
  CHECK(outline(read("a \"b c\" 'd;{}#e' \"\\\"\" '\\'' \"\\\\\" \"t\\tn\";").directives) ==
        "1:a(b c)(d;{}#e)(\")(')(\\)(t\tn)");
  CHECK(outline(read("set $x ${y}z; if ($a = 0) { b; }").directives) ==
        "1:set($x)(${y}z) 1:if(($a)(=)(0))[1:b]");
  // A brace in the middle of a word is part of it, and so is a hash.
  CHECK(outline(read("a b}c d#e;").directives) == "1:a(b}c)(d#e)");
  CHECK(outline(read("map $a $b { default x; '' y; ~^(www\\.)?e$ 1; }").directives) ==
        "1:map($a)($b)[1:default(x) 1:(y) 1:~^(www\\.)?e$(1)]");
  CHECK(outline(read("content_by_lua_block { if x then { ; } end } a;").directives) ==
        "1:content_by_lua_block[] 1:a");
}

TEST_CASE("an error has its line, and what can be read is read", "[conf][nginx]") {
  CHECK(errors_of(read("a;\nhttp {\n b;\n")) ==
        Texts{"Error: A block is not closed: '}' is missing (nginx.conf:4)"});
  CHECK(errors_of(read("a;\n}\nb;")) == Texts{"Error: '}' closes no block (nginx.conf:2)"});
  CHECK(errors_of(read("a {\n b\n}\n")) ==
        Texts{"Error: 'b' does not end: ';' missing (nginx.conf:2)",
              "Error: A block is not closed: '}' is missing (nginx.conf:4)"});
  const auto nameless = read(";\n{ a; }\nb;");
  CHECK(errors_of(nameless).size() == 2);
  CHECK(outline(nameless.directives) == "3:b");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "a{";
  CHECK(errors_of(read(deep)).front() == "Error: Blocks are nested too deep (nginx.conf:1)");
}

TEST_CASE("any part of a text can be read", "[conf][nginx]") {
  const std::string text = "http { map $a \"b\\\"c\" { default 'x'; } include *.conf; }\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    CHECK(read(text.substr(0, size)).files == Texts{"nginx.conf"});
  }
}

TEST_CASE("what is included stands where the include stood", "[conf][nginx]") {
  const conf_test::Folder folder;
  static_cast<void>(folder.write("sites/b.conf", "listen 2;\n"));
  static_cast<void>(folder.write("sites/a.conf", "\nlisten 1;\ninclude more;\n"));
  static_cast<void>(folder.write("more", "deny all;"));
  const std::string main =
      folder.write("nginx.conf", "http {\n include sites/*.conf; include missing;\n c;\n}\n");
  const auto found = conf::read_nginx_file(main);
  REQUIRE(found);
  // Paths are relative to the folder of the main file, not to that of the including one.
  CHECK(outline(found->directives) == "1:http[2:listen(1) 1:deny(all) 1:listen(2) 3:c]");
  CHECK(found->directives[0].block[0].place.file == folder.path() + "/sites/a.conf");
  CHECK(found->files.size() == 4);
  REQUIRE(found->diagnostics.size() == 1);
  CHECK(found->diagnostics[0].severity == conf::Severity::warning);
  CHECK(found->diagnostics[0].line == 2);
  CHECK_FALSE(conf::read_nginx_file(folder.path() + "/none"));
}

TEST_CASE("a circle of includes comes to an end", "[conf][nginx]") {
  const conf_test::Folder folder;
  const auto found = conf::read_nginx_file(
      folder.write("nginx.conf", "a;\ninclude nginx.conf;include nginx.conf;"));
  REQUIRE(found);
  CHECK(found->files.size() <= 1000);
  CHECK(conf::has_errors(found->diagnostics));
}
