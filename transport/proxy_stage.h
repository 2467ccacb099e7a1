#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/options.h"
#include "transport/proxy_protocol.h"

namespace transport {

/// The stage of a connection in which a proxy names the client: a PROXY protocol header is the
/// first input, and has to carry the facts that the listener demands.
///
/// Shape      read() until it returns something else than incomplete.
/// Lifetime   One per connection; moves with it from loop to loop, because its header names the
///            user. `listener` outlives it.
/// Threads    None.
class ProxyStage {
 public:
  explicit ProxyStage(const ListenerOptions& listener)
      : listener_(listener), reader_(listener.proxy_protocol) {}

  enum class Progress : std::uint8_t { incomplete, complete, refused };
  struct Result {
    Progress progress;
    std::size_t used;  // bytes of the header, once it is complete
  };
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  /// Why the header was refused, as the end of a sentence.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] const ProxyHeader& header() const noexcept { return reader_.header(); }
  /// The source of the address, for log lines: "PROXY protocol", with ", TLSv1.3 cipher
  /// TLS_AES_256_GCM_SHA384, certificate of 'ann'" behind it if the client used TLS.
  [[nodiscard]] std::string description() const;

 private:
  const ListenerOptions& listener_;
  ProxyHeaderReader reader_;
  std::string why_;
};

}  // namespace transport
