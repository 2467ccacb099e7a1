#include "conf/folders.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/conf/configuration.h"

namespace {

using conf::Severity;
using conf_test::good;
using conf_test::remarks_of;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a folder of files that is not there is said, with its line", "[conf]") {
  const conf_test::Folder folder;
  const std::string file = folder.write("file", "");
  const std::string listener = "listener 1\nprotocol websockets\n";
  CHECK(remarks_of(good(listener + "http_dir " + folder.path() + "\n"), Severity::warning).empty());
  CHECK(remarks_of(good(listener + "http_dir /nowhere\n"), Severity::warning) ==
        Texts{"Warning: 'http_dir': no file can be served from '/nowhere': No such file or "
              "directory (test.conf:3)"});
  CHECK(remarks_of(good(listener + "http_dir " + file + "\n"), Severity::warning) ==
        Texts{"Warning: 'http_dir': no file can be served from '" + file +
              "': Not a directory (test.conf:3)"});
  CHECK(remarks_of(good("[[listener]]\nport = 1\nprotocol = 'websockets'\nhttp_dir = '/nowhere'\n"),
                   Severity::warning)
            .size() == 1);
}

TEST_CASE("more threads than there can be are said, with their line", "[conf]") {
  CHECK(good("threads 64\n").remarks.empty());
  const auto settings = good("\nthreads 65\n");
  CHECK(remarks_of(settings, Severity::notice) ==
        Texts{"Notice: 'threads 65' is taken as 64: there are no more event loops than that "
              "(test.conf:2)"});
}
