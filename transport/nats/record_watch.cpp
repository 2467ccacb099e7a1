#include "transport/nats/record_watch.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string_view>
#include <utility>

#include "transport/nats/nats_text.h"

namespace transport {

/// The keys that are known, and the pass that goes on. Members that are not atomic are used in
/// calls of the receiver only, which never overlap.
class RecordWatch::Pass {
 public:
  explicit Pass(std::shared_ptr<NatsReceiver> receiver) : receiver_(std::move(receiver)) {}

  std::uint64_t begin() {
    highest_.store(0);
    is_current_.store(false);
    receiver_->tell([this](NatsUser& /*user*/) { ++number_; });
    return number_;
  }
  void saw(std::uint64_t pass, std::string_view key, mqtt::Bytes value, const jsMsgMetaData& data,
           bool deleted) {
    receiver_->tell([&](NatsUser& user) {
      if (pass != number_) return;
      const std::uint64_t revision = data.Sequence.Stream;
      if (deleted) {
        const auto found = known_.find(key);
        if (found != known_.end()) known_.erase(found);
      } else {
        known_.insert_or_assign(std::string(key), pass);
      }
      user.record_seen(key, value, revision, deleted);
      highest_.store(std::max(highest_.load(), revision));
    });
  }
  /// All records have been told. Called by NatsRecords' thread.
  void finish() {
    receiver_->tell([this](NatsUser& user) { finish(user); });
  }

  [[nodiscard]] bool is_current() const noexcept { return is_current_.load(); }
  [[nodiscard]] std::uint64_t highest() const noexcept { return highest_.load(); }

 private:
  void finish(NatsUser& user) {
    if (is_current_.exchange(true)) return;
    for (auto at = known_.begin(); at != known_.end();) {
      if (at->second == number_) {
        ++at;
        continue;
      }
      user.record_seen(at->first, {}, 0, true);
      at = known_.erase(at);
    }
    user.records_are_current();
  }

  const std::shared_ptr<NatsReceiver> receiver_;
  std::map<std::string, std::uint64_t, std::less<>> known_;  // the pass that brought it last
  std::uint64_t number_ = 0;                                 // changed by NatsRecords' thread only
  std::atomic<std::uint64_t> highest_{0};                    // revision of this pass
  std::atomic<bool> is_current_{false};
};

/// What a subscription of libnats holds until no call of it can come any more.
struct RecordWatch::Share {
  std::shared_ptr<Pass> pass;
  std::uint64_t number = 0;
  std::size_t prefix_size = 0;  // of the subject, before the key
};

RecordWatch::RecordWatch(std::shared_ptr<NatsReceiver> receiver)
    : pass_(std::make_shared<Pass>(std::move(receiver))) {}

RecordWatch::~RecordWatch() { end(); }

void RecordWatch::release(void* share) { delete static_cast<Share*>(share); }

void RecordWatch::deliver(natsConnection* /*connection*/, natsSubscription* /*subscription*/,
                          natsMsg* message, void* share) {
  const NatsPtr<natsMsg> owned(message);
  const auto& self = *static_cast<Share*>(share);
  jsMsgMetaData* made = nullptr;
  if (natsMsg_GetMetaData(&made, message) != NATS_OK) return;
  const NatsPtr<jsMsgMetaData> data(made);
  const std::string_view subject = natsMsg_GetSubject(message);
  if (subject.size() <= self.prefix_size) return;
  const char* operation = nullptr;
  const bool deleted =
      natsMsgHeader_Get(message, "KV-Operation", &operation) == NATS_OK &&
      (std::string_view(operation) == "DEL" || std::string_view(operation) == "PURGE");
  const std::string_view value(natsMsg_GetData(message),
                               static_cast<std::size_t>(natsMsg_GetDataLength(message)));
  self.pass->saw(self.number, subject.substr(self.prefix_size), mqtt::as_bytes(value), *data,
                 deleted);
}

std::expected<void, std::string> RecordWatch::begin(jsCtx* context, const std::string& bucket) {
  end();
  const std::string prefix = "$KV." + bucket + ".";
  const std::string stream = "KV_" + bucket;
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Stream = stream.c_str();
  options.Ordered = true;
  options.Config.DeliverPolicy = js_DeliverLastPerSubject;
  // A try that failed leaves its share for the next one: calls that it caused may be late, and tell
  // records of the same bucket.
  if (share_ == nullptr) share_.reset(new Share{pass_, pass_->begin(), prefix.size()});
  context_ = context;
  stream_ = stream;
  natsStatus status = js_Subscribe(&subscription_, context, (prefix + ">").c_str(), deliver,
                                   share_.get(), nullptr, &options, nullptr);
  if (status != NATS_OK) {
    subscription_ = nullptr;
    return std::unexpected(explain_request(status));
  }
  // It fails if the connection has ended meanwhile.
  status = natsSubscription_SetOnCompleteCB(subscription_, release, share_.get());
  if (status != NATS_OK) {
    end();
    return std::unexpected(explain_request(status));
  }
  // Released by libnats.
  [[maybe_unused]] Share* const given = share_.release();
  look();
  return {};
}

void RecordWatch::end() {
  if (subscription_ == nullptr) return;
  natsSubscription_Destroy(std::exchange(subscription_, nullptr));
  expected_ = 0;
  unseen_since_.reset();
  is_other_stream_ = false;
}

bool RecordWatch::is_current() const noexcept { return pass_->is_current(); }

void RecordWatch::look() {
  if (subscription_ == nullptr || is_current()) return;
  jsStreamInfo* made = nullptr;
  if (js_GetStreamInfo(&made, context_, stream_.c_str(), nullptr, nullptr) != NATS_OK) return;
  const NatsPtr<jsStreamInfo> info(made);
  // Not the number of records that are pending: the consumer of a server that has just started
  // counts those of its own copy of the stream, which may still be empty.
  if (info->State.Msgs == 0 || pass_->highest() >= info->State.LastSeq) pass_->finish();
}

void RecordWatch::expect(std::uint64_t revision, Clock::time_point now) {
  // Revisions begin anew in another stream of the same name.
  is_other_stream_ = is_other_stream_ || revision <= last_written_;
  last_written_ = revision;
  expected_ = std::max(expected_, revision);
  if (pass_->highest() < expected_ && !unseen_since_) unseen_since_ = now;
}

bool RecordWatch::has_missed(std::chrono::milliseconds patience, Clock::time_point now) {
  if (is_other_stream_) return true;
  if (pass_->highest() >= expected_) unseen_since_.reset();
  return unseen_since_ && now - *unseen_since_ > patience;
}

}  // namespace transport
