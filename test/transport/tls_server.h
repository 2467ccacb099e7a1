#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/transport/certificates.h"
#include "test/transport/pieces.h"
#include "test/transport/tls_client.h"
#include "transport/tls.h"

namespace transport {

/// An authority, a server of its, and the files of both.
struct TlsSite {
  TestFolder folder;
  TestCertificate authority = make_authority("Test CA");
  TestCertificate server = make_certificate({.common_name = "server", .host = "a.test"}, authority);
  TestCertificate client =
      make_certificate({.common_name = "client", .organization = "Firm, Ltd"}, authority);
  TlsOptions options;

  TlsSite() {
    add(server, "server");
    options.ca_file = folder.write("ca.crt", authority.certificate_pem());
  }
  void add(const TestCertificate& certificate, const std::string& name) {
    options.certificates.push_back({folder.write(name + ".crt", certificate.certificate_pem()),
                                    folder.write(name + ".key", certificate.key_pem())});
  }
  [[nodiscard]] std::shared_ptr<const TlsContext> load(Protocol protocol = Protocol::mqtt) const {
    auto context = TlsContext::load(options, protocol);
    if (!context) FAIL(context.error());
    return *context;
  }
  [[nodiscard]] std::string fault() const {
    const auto context = TlsContext::load(options, Protocol::mqtt);
    return context ? "" : context.error();
  }
};

/// The server's end, with its input and its answers.
struct TlsServer {
  TlsFilter filter;
  std::string plain;
  std::vector<std::byte> place;

  explicit TlsServer(std::shared_ptr<const TlsContext> context) : filter(std::move(context)) {}

  /// Reads bytes and returns the bytes to send.
  std::string read(std::string_view bytes) {
    place.resize(bytes.size() + TlsFilter::held_bytes_max);
    mqtt::ByteBuffer replies;
    const auto came = filter.read(mqtt::as_bytes(bytes), place, replies);
    plain += mqtt::as_text(came);
    return std::string(mqtt::as_text(replies.view()));
  }
  std::string write(std::string_view bytes) {
    mqtt::ByteBuffer sealed;
    REQUIRE(filter.write(mqtt::as_bytes(bytes), sealed));
    return std::string(mqtt::as_text(sealed.view()));
  }
  std::string close() {
    mqtt::ByteBuffer sealed;
    filter.close(sealed);
    return std::string(mqtt::as_text(sealed.view()));
  }
};

/// Carries bytes to and fro until nobody has any.
inline void carry(TlsServer& server, TlsClient& client, Cut cut = Cut::whole) {
  for (std::string bytes = client.take(); !bytes.empty(); bytes = client.take()) {
    for (const std::string& piece : pieces(bytes, cut)) {
      const std::string replies = server.read(piece);
      for (const std::string& reply : pieces(replies, cut)) client.receive(reply);
    }
  }
}

}  // namespace transport
