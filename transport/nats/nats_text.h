// transport/nats/nats_text.h
#pragma once

#include <expected>
#include <memory>
#include <nats/nats.h>
#include <string>
#include <string_view>

#include "transport/nats/nats_link.h"

namespace transport {

/// Frees what libnats has made.
struct NatsDeleter {
  void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
  void operator()(natsMsg* message) const noexcept { natsMsg_Destroy(message); }
  void operator()(jsCtx* context) const noexcept { jsCtx_Destroy(context); }
  void operator()(kvStore* store) const noexcept { kvStore_Destroy(store); }
  void operator()(jsStreamInfo* info) const noexcept { jsStreamInfo_Destroy(info); }
  void operator()(jsMsgMetaData* data) const noexcept { jsMsgMetaData_Destroy(data); }
  void operator()(jsConsumerInfo* info) const noexcept { jsConsumerInfo_Destroy(info); }
};
template <typename Made>
using NatsPtr = std::unique_ptr<Made, NatsDeleter>;

/// A URL without the user and the password that it may have.
[[nodiscard]] std::string url_without_secrets(std::string_view url);

/// The options of libnats for a connection to one server.
///
/// Errors    A sentence that names the URL or the file.
[[nodiscard]] std::expected<NatsPtr<natsOptions>, std::string> nats_options(
    const NatsOptions& options, const std::string& url);

/// Why there is no connection to a server: a sentence with its address. Call it on the thread of
/// the call that failed, next.
[[nodiscard]] std::string explain_connect(natsStatus status, const std::string& url);

/// The last error of libnats on this thread: a clause.
[[nodiscard]] std::string last_nats_error(natsStatus status);

/// Why JetStream did not do something, on the same terms: a clause.
[[nodiscard]] std::string explain_request(natsStatus status);

}  // namespace transport
