#include "transport/nats/nats_records.h"

#include <algorithm>
#include <utility>

namespace transport {
namespace {

constexpr std::chrono::milliseconds first_pause{250};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::milliseconds ping_interval{1000};
constexpr std::chrono::milliseconds first_look_pause{10};
constexpr std::chrono::milliseconds longest_look_pause{1000};

RecordRefusal refusal_of(natsStatus status, std::string_view why) {
  if (why.find("wrong last sequence") != std::string_view::npos) return RecordRefusal::conflict;
  if (status == NATS_INVALID_ARG || status == NATS_MAX_PAYLOAD) return RecordRefusal::invalid;
  return RecordRefusal::unavailable;
}

}  // namespace

NatsRecords::NatsRecords(const NatsOptions& options, std::shared_ptr<NatsReceiver> receiver)
    : options_(options), receiver_(receiver), watch_(std::move(receiver)) {}

void NatsRecords::use(std::shared_ptr<NatsConnection> connection) {
  const std::scoped_lock lock(mutex_);
  newest_ = std::move(connection);
  has_newest_ = true;
  changed_.notify_all();
}

void NatsRecords::stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void NatsRecords::put(std::string_view key, mqtt::Bytes value,
                      std::optional<std::uint64_t> expected) {
  add({.kind = expected ? Request::Kind::put_if : Request::Kind::put,
       .key = std::string(key),
       .value = std::string(mqtt::as_text(value)),
       .expected = expected.value_or(0)});
}

void NatsRecords::remove(std::string_view key) {
  add({.kind = Request::Kind::remove, .key = std::string(key), .value = {}});
}

void NatsRecords::add(Request request) {
  const std::scoped_lock lock(mutex_);
  if (request.kind != Request::Kind::put_if) {
    const auto same = std::find_if(requests_.rbegin(), requests_.rend(),
                                   [&](const Request& other) { return other.key == request.key; });
    if (same != requests_.rend() && same->kind == request.kind) {
      same->value = std::move(request.value);
      return;
    }
  }
  requests_.push_back(std::move(request));
  changed_.notify_all();
}

void NatsRecords::run() {
  while (true) {
    std::optional<Request> request;
    std::shared_ptr<NatsConnection> connection;
    bool has_connection = false;
    {
      std::unique_lock lock(mutex_);
      wait(lock);
      if (stopping_) break;
      has_connection = std::exchange(has_newest_, false);
      connection = newest_;
      if (!has_connection && !requests_.empty()) {
        request = std::move(requests_.front());
        requests_.pop_front();
      }
    }
    if (has_connection) take_connection(std::move(connection));
    prepare();
    if (request) handle(*request);
    check_watch();
    ping();
  }
  take_connection(nullptr);
}

void NatsRecords::wait(std::unique_lock<std::mutex>& lock) {
  const auto is_due = [this] { return stopping_ || has_newest_ || !requests_.empty(); };
  if (connection_ == nullptr) {
    changed_.wait(lock, is_due);
    return;
  }
  Clock::time_point until = next_ping_;
  if (!options_.bucket.empty()) {
    if (!watch_.is_on()) {
      until = std::min(until, next_try_);
    } else if (!watch_.is_current()) {
      until = std::min(until, next_look_);
    }
  }
  changed_.wait_until(lock, until, is_due);
}

void NatsRecords::take_connection(std::shared_ptr<NatsConnection> connection) {
  watch_.end();
  bucket_.reset();
  context_.reset();
  trouble_.clear();
  connection_ = std::move(connection);
  next_try_ = next_ping_ = Clock::now();
  pause_ = first_pause;
}

void NatsRecords::prepare() {
  if (connection_ == nullptr || options_.bucket.empty()) return;
  if (watch_.is_on() || Clock::now() < next_try_) return;
  std::expected<void, std::string> done = open_bucket();
  if (done) done = watch_.begin(context_.get(), options_.bucket);
  if (done) {
    trouble_.clear();
    pause_ = first_pause;
    look_pause_ = first_look_pause;
    next_look_ = Clock::now();
    return;
  }
  next_try_ = Clock::now() + pause_;
  pause_ = std::min(pause_ * 2, longest_pause);
  if (!connection_->is_open() || done.error() == trouble_) return;
  trouble_ = done.error();
  receiver_->tell([this](NatsUser& user) {
    user.records_unavailable("The bucket " + options_.bucket +
                             " of NATS cannot be used: " + trouble_ + ".");
  });
}

std::expected<void, std::string> NatsRecords::open_bucket() {
  if (bucket_ != nullptr) return {};
  if (context_ == nullptr) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = options_.silence_milliseconds;
    jsCtx* made = nullptr;
    const natsStatus status = natsConnection_JetStream(&made, connection_->handle(), &options);
    if (status != NATS_OK) return std::unexpected(explain_request(status));
    context_.reset(made);
  }
  auto found = find_or_create();
  if (!found) return std::unexpected(std::move(found.error()));
  bucket_ = std::move(*found);
  check_configuration();
  return {};
}

std::expected<NatsPtr<kvStore>, std::string> NatsRecords::find_or_create() {
  kvStore* made = nullptr;
  natsStatus status = js_KeyValue(&made, context_.get(), options_.bucket.c_str());
  if (status == NATS_NOT_FOUND) {
    kvConfig config;
    kvConfig_Init(&config);
    config.Bucket = options_.bucket.c_str();
    config.History = 1;
    config.StorageType = js_MemoryStorage;
    config.Replicas = static_cast<int>(options_.replicas);
    status = js_CreateKeyValue(&made, context_.get(), &config);
  }
  if (status != NATS_OK) return std::unexpected(explain_request(status));
  return NatsPtr<kvStore>(made);
}

void NatsRecords::check_configuration() {
  jsStreamInfo* made = nullptr;
  const std::string stream = "KV_" + options_.bucket;
  if (js_GetStreamInfo(&made, context_.get(), stream.c_str(), nullptr, nullptr) != NATS_OK) return;
  const NatsPtr<jsStreamInfo> info(made);
  std::string differs;
  if (info->Config->Replicas != options_.replicas) {
    differs = std::to_string(info->Config->Replicas) + " replicas, not " +
              std::to_string(options_.replicas);
  }
  if (info->Config->Storage != js_MemoryStorage) {
    differs += std::string(differs.empty() ? "" : ", and ") + "its storage is not memory";
  }
  if (differs.empty() || std::exchange(has_complained_, true)) return;
  receiver_->tell([&](NatsUser& user) {
    user.nats_complained("The bucket " + options_.bucket + " of NATS has " + differs +
                         ": it is used as it is (\"nats stream edit " + stream + "\" changes it).");
  });
}

void NatsRecords::handle(const Request& request) {
  std::uint64_t revision = 0;
  const natsStatus status =
      bucket_ == nullptr ? NATS_CONNECTION_CLOSED : perform(request, revision);
  if (status != NATS_OK) {
    refuse(request, status);
    return;
  }
  receiver_->tell([&](NatsUser& user) { user.record_written(request.key, revision); });
  if (revision > 0) watch_.expect(revision, Clock::now());
}

natsStatus NatsRecords::perform(const Request& request, std::uint64_t& revision) {
  const char* const key = request.key.c_str();
  const int size = static_cast<int>(request.value.size());
  switch (request.kind) {
    case Request::Kind::put:
      return kvStore_Put(&revision, bucket_.get(), key, request.value.data(), size);
    case Request::Kind::put_if:
      // Where there is a mark of a deletion, libnats compares with that.
      return request.expected == 0
                 ? kvStore_Create(&revision, bucket_.get(), key, request.value.data(), size)
                 : kvStore_Update(&revision, bucket_.get(), key, request.value.data(), size,
                                  request.expected);
    case Request::Kind::remove:
      break;
  }
  return kvStore_Delete(bucket_.get(), key);
}

bool NatsRecords::is_gone() {
  // A stream without a leader has no responders either.
  jsStreamInfo* made = nullptr;
  const std::string stream = "KV_" + options_.bucket;
  const natsStatus status =
      js_GetStreamInfo(&made, context_.get(), stream.c_str(), nullptr, nullptr);
  const NatsPtr<jsStreamInfo> info(made);
  return status == NATS_NOT_FOUND;
}

void NatsRecords::refuse(const Request& request, natsStatus status) {
  std::string why = trouble_;
  if (bucket_ != nullptr) {
    why = explain_request(status);
    if (status == NATS_NO_RESPONDERS && is_gone()) {
      watch_.end();
      bucket_.reset();
      next_try_ = Clock::now();
    }
  } else if (why.empty()) {
    why = explain_request(NATS_CONNECTION_CLOSED);
  }
  receiver_->tell(
      [&](NatsUser& user) { user.record_refused(request.key, refusal_of(status, why), why); });
}

void NatsRecords::check_watch() {
  if (!watch_.is_on()) return;
  if (!watch_.is_current() && Clock::now() >= next_look_) {
    watch_.look();
    next_look_ = Clock::now() + look_pause_;
    look_pause_ = std::min(look_pause_ * 2, longest_look_pause);
  }
  const std::chrono::milliseconds patience(options_.silence_milliseconds);
  if (!watch_.has_missed(patience, Clock::now())) return;
  watch_.end();
  next_try_ = Clock::now();
}

void NatsRecords::ping() {
  if (connection_ == nullptr || Clock::now() < next_ping_) return;
  if (!connection_->ping(options_.silence_milliseconds)) {
    connection_->break_off("does not answer");
  }
  next_ping_ = Clock::now() + ping_interval;
}

}  // namespace transport
