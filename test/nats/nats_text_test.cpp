#include "transport/nats/nats_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "test/nats/silent_user.h"

using transport::NatsLink;
using transport::NatsOptions;
using transport::url_without_secrets;

namespace {

NatsOptions at(std::vector<std::string> urls) {
  NatsOptions options;
  options.urls = std::move(urls);
  return options;
}

std::string start_error(const NatsOptions& options) {
  test::SilentNatsUser user;
  NatsLink link(options, user);
  const auto started = link.start();
  return started ? "" : started.error();
}

}  // namespace

TEST_CASE("a URL is shown without its secrets", "[nats_text]") {
  CHECK(url_without_secrets("nats://host:4222") == "nats://host:4222");
  CHECK(url_without_secrets("nats://ann:pass@host:4222") == "nats://host:4222");
  CHECK(url_without_secrets("tls://token@host") == "tls://host");
  CHECK(url_without_secrets("nats://ann:p@ss@host:4222") == "nats://host:4222");
  CHECK(url_without_secrets("host:4222") == "host:4222");
}

TEST_CASE("a link says what is wrong with its options before it starts", "[nats_text]") {
  CHECK(start_error(at({})) == "There is no URL of a NATS server.");
  CHECK(start_error(at({"nats://a:4222", "http://ann:secret@b"})) ==
        "\"http://b\" is no URL of a NATS server: nats://host:port or tls://host:port.");
  NatsOptions with_file = at({"tls://a:4222"});
  with_file.certificate_file = "/absent.crt";
  with_file.key_file = "/absent.key";
  NatsOptions with_credentials = at({"nats://a:4222"});
  with_credentials.credentials_file = "/absent.creds";
  CHECK(start_error(with_credentials) ==
        "Unable to use /absent.creds for NATS: No such file or directory.");
  CHECK(
      start_error(with_file).starts_with("Unable to use /absent.crt with /absent.key for NATS: "));
}
