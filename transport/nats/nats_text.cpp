#include "transport/nats/nats_text.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace transport {
namespace {

constexpr int buffer_bytes = 65'536;
// The bound on messages that wait to be delivered is that of NatsConnection.
constexpr int no_limit_of_one_subscription = 2'000'000;

void ignore_error(natsConnection* /*connection*/, natsSubscription* /*subscription*/,
                  natsStatus /*status*/, void* /*closure*/) {}

/// A text of libnats as a clause: without its place in the source, words in small letters but for
/// those that are capitals.
std::string as_clause(std::string_view text) {
  if (text.starts_with('(')) text.remove_prefix(std::min(text.find("): ") + 3, text.size()));
  while (text.ends_with('.')) text.remove_suffix(1);
  std::string clause(text);
  for (std::size_t at = 0; at + 1 < clause.size(); ++at) {
    const bool begins = at == 0 || clause[at - 1] == ' ';
    const auto letter = static_cast<unsigned char>(clause[at]);
    if (begins && std::islower(static_cast<unsigned char>(clause[at + 1])) != 0) {
      clause[at] = static_cast<char>(std::tolower(letter));
    }
  }
  return clause;
}

struct Step {
  natsStatus status = NATS_OK;
  std::string what;  // failed
  std::string why;   // empty: the last error of libnats
};

Step set_files(natsOptions* made, const NatsOptions& options) {
  if (!options.ca_file.empty()) {
    const auto status = natsOptions_LoadCATrustedCertificates(made, options.ca_file.c_str());
    if (status != NATS_OK) return {status, options.ca_file, {}};
  }
  if (!options.certificate_file.empty()) {
    const auto status = natsOptions_LoadCertificatesChain(made, options.certificate_file.c_str(),
                                                          options.key_file.c_str());
    if (status != NATS_OK) {
      return {status, options.certificate_file + " with " + options.key_file, {}};
    }
  }
  if (!options.credentials_file.empty()) {
    // libnats reads it with each connection.
    if (::access(options.credentials_file.c_str(), R_OK) != 0) {
      return {NATS_ERR, options.credentials_file, std::strerror(errno)};
    }
    const auto status =
        natsOptions_SetUserCredentialsFromFiles(made, options.credentials_file.c_str(), nullptr);
    if (status != NATS_OK) return {status, options.credentials_file, {}};
  }
  return {};
}

bool wants_tls(const NatsOptions& options, std::string_view url) {
  return url.starts_with("tls://") || !options.ca_file.empty() ||
         !options.certificate_file.empty() || options.insecure;
}

natsStatus set_rest(natsOptions* made, const NatsOptions& options, std::string_view url) {
  natsStatus status = NATS_OK;
  const auto then = [&status](auto function, auto*... arguments) {
    if (status == NATS_OK) status = function(arguments...);
  };
  const auto set = [&status](natsStatus next) {
    if (status == NATS_OK) status = next;
  };
  set(natsOptions_SetName(made, options.name.c_str()));
  if (!options.user.empty()) {
    then(natsOptions_SetUserInfo, made, options.user.c_str(), options.password.c_str());
  }
  if (!options.token.empty()) then(natsOptions_SetToken, made, options.token.c_str());
  if (wants_tls(options, url)) set(natsOptions_SetSecure(made, true));
  if (options.insecure) set(natsOptions_SkipServerVerification(made, true));
  set(natsOptions_SetTimeout(made, options.silence_milliseconds));
  // A connection that is lost ends: NatsDriver makes a new one, and says why.
  set(natsOptions_SetAllowReconnect(made, false));
  set(natsOptions_SetNoEcho(made, true));
  // Nothing is written by a call but into a buffer, which NatsConnection writes.
  set(natsOptions_SetSendAsap(made, true));
  set(natsOptions_SetIOBufSize(made, buffer_bytes));
  set(natsOptions_SetWriteDeadline(made, options.silence_milliseconds));
  // libnats closes the socket on another thread if pings stay unanswered; NatsRecords pings.
  set(natsOptions_SetPingInterval(made, 0));
  set(natsOptions_SetMaxPendingMsgs(made, no_limit_of_one_subscription));
  // One thread delivers the messages of all subscriptions, in the order of arrival.
  set(natsOptions_UseGlobalMessageDelivery(made, true));
  set(natsOptions_SetErrorHandler(made, ignore_error, nullptr));
  return status;
}

}  // namespace

std::string url_without_secrets(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  std::string text(url.substr(0, begin));
  text += at == std::string_view::npos || at < begin ? url.substr(begin) : url.substr(at + 1);
  return text;
}

std::expected<NatsPtr<natsOptions>, std::string> nats_options(const NatsOptions& options,
                                                              const std::string& url) {
  natsOptions* made = nullptr;
  natsStatus status = natsOptions_Create(&made);
  NatsPtr<natsOptions> owned(made);
  if (status != NATS_OK) return std::unexpected("libnats: " + last_nats_error(status) + ".");
  status = natsOptions_SetURL(made, url.c_str());
  const bool has_scheme = url.starts_with("nats://") || url.starts_with("tls://");
  if (status != NATS_OK || !has_scheme) {
    return std::unexpected("\"" + url_without_secrets(url) +
                           "\" is no URL of a NATS server: nats://host:port or tls://host:port.");
  }
  const Step files = set_files(made, options);
  if (files.status != NATS_OK) {
    const std::string why = files.why.empty() ? last_nats_error(files.status) : files.why;
    return std::unexpected("Unable to use " + files.what + " for NATS: " + why + ".");
  }
  status = set_rest(made, options, url);
  if (status != NATS_OK) return std::unexpected("libnats: " + last_nats_error(status) + ".");
  return owned;
}

std::string last_nats_error(natsStatus status) {
  natsStatus last = NATS_OK;
  const char* const text = nats_GetLastError(&last);
  // Without a text of its own the status says more.
  if (last == status && text != nullptr && *text != '\0') return as_clause(text);
  return as_clause(natsStatus_GetText(status));
}

std::string explain_connect(natsStatus status, const std::string& url) {
  const std::string server = url_without_secrets(url);
  const std::string why = last_nats_error(status);
  switch (status) {
    case NATS_NO_SERVER:  // libnats does not keep which
      return "NATS server " + server +
             " does not answer: no such host, no way to it, or nothing "
             "listens there.";
    case NATS_TIMEOUT:
      return "NATS server " + server + " does not answer in time.";
    case NATS_CONNECTION_AUTH_FAILED:
      return "NATS server " + server + " refuses the user, password, token or credentials (" + why +
             ").";
    case NATS_SECURE_CONNECTION_WANTED:
      return "NATS server " + server + " speaks no TLS, and TLS is wanted.";
    case NATS_SSL_ERROR:
      return "TLS with NATS server " + server + " fails: " + why + ".";
    case NATS_PROTOCOL_ERROR:
      return server + " is no NATS server: " + why + ".";
    default:
      return "No connection to NATS server " + server + ": " + why + ".";
  }
}

std::string explain_request(natsStatus status) {
  if (status == NATS_NO_RESPONDERS) {
    return "JetStream does not answer: it is not enabled in nats-server, or is starting";
  }
  if (status == NATS_TIMEOUT) return "JetStream does not answer in time: it may have no quorum";
  if (status == NATS_CONNECTION_CLOSED) return "there is no connection to NATS";
  return last_nats_error(status);
}

}  // namespace transport
