#include "transport/proxy_stage.h"

#include <string_view>

#include "transport/first_bytes.h"
#include "transport/http.h"

namespace transport {

namespace {

std::string description_of(const ProxyTls& tls) {
  std::string text = ", " + (tls.version.empty() ? std::string("TLS") : printable(tls.version));
  if (!tls.cipher.empty()) text += " cipher " + printable(tls.cipher);
  if (tls.verified) text += ", certificate of '" + printable(tls.common_name) + "'";
  return text;
}

/// The error of a malformed header, and the protocol that came in its place.
std::string fault(const ProxyHeaderReader& reader, mqtt::Bytes bytes) {
  std::string why(reader.error());
  const FirstBytes kind = recognise(bytes);
  if (kind == FirstBytes::unknown || kind == FirstBytes::proxy) return why;
  return why + ", but " + std::string(kind == FirstBytes::mqtt ? "MQTT" : describe(kind));
}

/// The part that a good header lacks; "" if it is complete.
std::string_view objection(const ProxyHeader& header, const ListenerOptions& options) noexcept {
  // Mosquitto takes UNKNOWN of version 1.
  const bool second = options.proxy_protocol == ProxyVersion::v2;
  if (second && options.proxy_must_name_client && !header.source) {
    return "it names no client: LOCAL or UNSPEC (proxy_protocol_unknown_client)";
  }
  if (options.proxy_requires_tls && !header.tls) {
    return "it does not say that the client used TLS (proxy_protocol_v2_require_tls)";
  }
  if (options.proxy_requires_certificate && !(header.tls && header.tls->verified)) {
    return "it does not say that the client has a valid certificate (require_certificate)";
  }
  return {};
}

}  // namespace

ProxyStage::Result ProxyStage::read(mqtt::Bytes bytes) {
  const auto [progress, used] = reader_.read(bytes);
  if (progress == ProxyHeaderReader::Progress::incomplete) return {Progress::incomplete, used};
  why_ = progress == ProxyHeaderReader::Progress::malformed
             ? fault(reader_, bytes)
             : std::string(objection(header(), listener_));
  return {why_.empty() ? Progress::complete : Progress::refused, used};
}

std::string ProxyStage::description() const {
  return "PROXY protocol" + (header().tls ? description_of(*header().tls) : "");
}

}  // namespace transport
