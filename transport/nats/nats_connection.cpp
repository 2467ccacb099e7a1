#include "transport/nats/nats_connection.h"

#include <new>
#include <sys/socket.h>
#include <utility>

#include "transport/nats/nats_text.h"

namespace transport {
namespace {

// A message costs libnats so much more memory than its payload.
constexpr std::uint64_t message_overhead_bytes = 200;
constexpr std::uint64_t backlog_bytes_max = 33'554'432;
constexpr std::uint64_t look_interval_bytes = 1'048'576;
// By default nats-server ends a connection that takes nothing for ten seconds.
constexpr std::chrono::seconds patience_of_server{20};

/// What a subscription of libnats holds until no call of it can come any more.
using ReceiverShare = std::shared_ptr<NatsReceiver>;

void release_share(void* share) { delete static_cast<ReceiverShare*>(share); }

}  // namespace

NatsConnection::NatsConnection(std::shared_ptr<NatsReceiver> receiver, std::shared_ptr<Bell> bell,
                               std::string server)
    : receiver_(std::move(receiver)), bell_(std::move(bell)), server_(std::move(server)) {
  if (natsStatistics_Create(&statistics_) != NATS_OK) throw std::bad_alloc();
}

NatsConnection::~NatsConnection() {
  natsConnection_Destroy(connection_);
  natsStatistics_Destroy(statistics_);
}

std::expected<std::shared_ptr<NatsConnection>, std::string> NatsConnection::open(
    const NatsOptions& options, const std::string& url, std::shared_ptr<NatsReceiver> receiver,
    std::shared_ptr<Bell> bell) {
  auto made = nats_options(options, url);
  if (!made) return std::unexpected(std::move(made.error()));
  std::shared_ptr<NatsConnection> self(
      new NatsConnection(std::move(receiver), std::move(bell), url_without_secrets(url)));
  self->adopt();
  natsStatus status =
      natsOptions_SetEventLoop(made->get(), self.get(), attach, poll_read, poll_write, detach);
  if (status == NATS_OK) status = natsConnection_Connect(&self->connection_, made->get());
  if (status != NATS_OK) return std::unexpected(explain_connect(status, url));
  return self;
}

natsStatus NatsConnection::attach(void** place, void* self, natsConnection* /*connection*/,
                                  natsSock socket) {
  *place = self;
  static_cast<NatsConnection*>(self)->socket_.store(socket);
  return NATS_OK;
}

natsStatus NatsConnection::poll_read(void* self, bool add) {
  auto* const connection = static_cast<NatsConnection*>(self);
  if (add) return NATS_OK;
  // libnats closes the socket next.
  const std::scoped_lock lock(connection->mutex_);
  connection->socket_.store(-1);
  return NATS_OK;
}

natsStatus NatsConnection::poll_write(void* self, bool add) {
  auto* const connection = static_cast<NatsConnection*>(self);
  connection->has_output_.store(add);
  if (add && connection->driver_.load() != std::this_thread::get_id()) connection->bell_->ring();
  return NATS_OK;
}

natsStatus NatsConnection::detach(void* /*self*/) { return NATS_OK; }

bool NatsConnection::ping(std::int64_t milliseconds) const noexcept {
  return natsConnection_FlushTimeout(connection_, milliseconds) == NATS_OK;
}

void NatsConnection::break_off(std::string_view why) {
  const std::scoped_lock lock(mutex_);
  const int socket = socket_.load();
  if (socket < 0) return;
  if (break_reason_.empty()) break_reason_ = why;
  ::shutdown(socket, SHUT_RDWR);
}

std::size_t NatsConnection::payload_bytes_max() const noexcept {
  const std::int64_t bytes = natsConnection_GetMaxPayload(connection_);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

natsStatus NatsConnection::publish(const NatsOutbox::Message& message) noexcept {
  return natsConnection_Publish(connection_, message.subject, message.payload.data(),
                                static_cast<int>(message.payload.size()));
}

void NatsConnection::deliver(natsConnection* /*connection*/, natsSubscription* /*subscription*/,
                             natsMsg* message, void* receiver) {
  const NatsPtr<natsMsg> owned(message);
  const std::string_view payload(natsMsg_GetData(message),
                                 static_cast<std::size_t>(natsMsg_GetDataLength(message)));
  (*static_cast<ReceiverShare*>(receiver))
      ->received(natsMsg_GetSubject(message), mqtt::as_bytes(payload));
}

std::expected<void, std::string> NatsConnection::subscribe(const std::string& subject) {
  if (subscriptions_.contains(subject)) return {};
  natsSubscription* subscription = nullptr;
  auto share = std::make_unique<ReceiverShare>(receiver_);
  const natsStatus status =
      natsConnection_Subscribe(&subscription, connection_, subject.c_str(), deliver, share.get());
  if (status != NATS_OK) return std::unexpected(last_nats_error(status));
  // The driver alone closes the connection, so that the subscription is still open.
  natsSubscription_SetOnCompleteCB(subscription, release_share, share.release());
  subscriptions_.emplace(subject, subscription);
  return {};
}

void NatsConnection::unsubscribe(const std::string& subject) {
  const auto found = subscriptions_.find(subject);
  if (found == subscriptions_.end()) return;
  natsSubscription_Destroy(found->second);
  subscriptions_.erase(found);
}

bool NatsConnection::is_behind() {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  natsConnection_GetStats(connection_, statistics_);
  natsStatistics_GetCounts(statistics_, &messages, &bytes, nullptr, nullptr, nullptr);
  const std::uint64_t read = bytes + messages * message_overhead_bytes;
  if (!was_behind_ && read - bytes_at_last_look_ < look_interval_bytes) return false;
  bytes_at_last_look_ = read;
  std::uint64_t waiting = 0;
  for (const auto& [subject, subscription] : subscriptions_) {
    int messages_here = 0;
    int bytes_here = 0;
    natsSubscription_GetPending(subscription, &messages_here, &bytes_here);
    waiting += static_cast<std::uint64_t>(bytes_here) +
               static_cast<std::uint64_t>(messages_here) * message_overhead_bytes;
  }
  was_behind_ = waiting > (was_behind_ ? backlog_bytes_max / 2 : backlog_bytes_max);
  if (was_behind_) behind_at_ = std::chrono::steady_clock::now();
  return was_behind_;
}

std::string NatsConnection::take_complaint() {
  const char* text = nullptr;
  const natsStatus status = natsConnection_GetLastError(connection_, &text);
  if (status != NATS_NOT_PERMITTED && status != NATS_SLOW_CONSUMER) return {};
  if (text == nullptr || text == last_complaint_) return {};
  last_complaint_ = text;
  return "NATS server " + server_ + " complains: " + last_complaint_ + ".";
}

std::string NatsConnection::end_reason() {
  {
    const std::scoped_lock lock(mutex_);
    if (!break_reason_.empty()) return "NATS server " + server_ + " " + break_reason_ + ".";
  }
  const char* text = nullptr;
  const natsStatus status = natsConnection_GetLastError(connection_, &text);
  std::string reason = "The connection to NATS server " + server_ + " is lost";
  if (status == NATS_ERR && text != nullptr && *text != '\0') reason += std::string(": ") + text;
  // The end comes after all that was read late, so that it is not the state now that counts.
  if (std::chrono::steady_clock::now() - behind_at_ < patience_of_server) {
    reason += ": messages were not taken as fast as they came";
  }
  return reason + ".";
}

void NatsConnection::close() {
  break_off("is left");
  // At the end of the socket libnats closes by itself; of a call to close it waits for what it
  // has written, which only this thread could write.
  while (is_open()) read();
  for (const auto& [subject, subscription] : subscriptions_) natsSubscription_Destroy(subscription);
  subscriptions_.clear();
  natsConnection_Close(connection_);
}

}  // namespace transport
