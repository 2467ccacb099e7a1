#include "transport/nats/nats_driver.h"

#include <algorithm>
#include <array>
#include <poll.h>
#include <thread>
#include <utility>

#include "transport/nats/nats_text.h"

namespace transport {
namespace {

constexpr std::chrono::milliseconds first_round_pause{100};
constexpr std::chrono::milliseconds longest_round_pause{3000};
constexpr std::chrono::milliseconds attempt_time{6000};
constexpr std::chrono::milliseconds farewell_time{500};
// While too many messages wait to be delivered, their number is looked at so often.
constexpr std::chrono::milliseconds behind_interval{5};
constexpr int attempts_max = 8;
// One write. More does not make a message cheaper.
constexpr std::size_t write_bytes = 65'536;

}  // namespace

/// A try to connect, on a thread of its own: a resolver or a server in TLS may hang, and then it is
/// left alone.
struct NatsDriver::Attempt {
  std::mutex mutex;
  bool is_done = false;
  std::expected<std::shared_ptr<NatsConnection>, std::string> result;
};

NatsDriver::NatsDriver(const NatsOptions& options, std::shared_ptr<NatsReceiver> receiver,
                       NatsOutbox& outbox, UseConnection use)
    : options_(options),
      receiver_(std::move(receiver)),
      outbox_(outbox),
      use_(std::move(use)),
      bell_(std::make_shared<Bell>()),
      attempts_(std::make_shared<std::atomic<int>>(0)),
      next_url_(std::hash<std::string>{}(options.name)),
      chance_(static_cast<unsigned>(next_url_)) {}

void NatsDriver::run() {
  unsigned short_ones = 0;
  while (const auto connection = connect()) {
    const auto begin = Clock::now();
    serve(connection);
    use_(nullptr);
    connection->close();
    {
      const std::scoped_lock lock(mutex_);
      connection_.reset();
    }
    // A server that takes connections and ends them is not asked for more without a pause.
    short_ones = Clock::now() - begin < longest_round_pause ? short_ones + 1 : 0;
    if (short_ones > 1) pause(short_ones);
  }
}

void NatsDriver::stop() {
  stopping_.store(true);
  bell_->ring();
}

void NatsDriver::break_off() {
  const std::scoped_lock lock(mutex_);
  if (connection_) connection_->break_off("is left");
}

void NatsDriver::subscribe(std::string_view subject) {
  const std::scoped_lock lock(mutex_);
  if (!subjects_.emplace(subject).second) return;
  if (connection_) changes_.emplace_back(subject, true);
  bell_->ring();
}

void NatsDriver::unsubscribe(std::string_view subject) {
  const std::scoped_lock lock(mutex_);
  const auto found = subjects_.find(subject);
  if (found == subjects_.end()) return;
  subjects_.erase(found);
  if (connection_) changes_.emplace_back(subject, false);
  bell_->ring();
}

void NatsDriver::report(NatsFigures& figures) const {
  const std::scoped_lock lock(mutex_);
  figures = figures_;
}

std::shared_ptr<NatsConnection> NatsDriver::connect() {
  for (unsigned round = 0; !stopping_; ++round) {
    for (std::size_t tried = 0; tried < options_.urls.size() && !stopping_; ++tried) {
      const std::string& url = options_.urls[next_url_++ % options_.urls.size()];
      if (auto connection = try_server(url)) return connection;
    }
    pause(round);
  }
  return nullptr;
}

std::shared_ptr<NatsConnection> NatsDriver::try_server(const std::string& url) {
  if (attempts_->load() >= attempts_max) return nullptr;
  attempts_->fetch_add(1);
  const auto attempt = std::make_shared<Attempt>();
  std::thread([attempt, attempts = attempts_, options = options_, url, receiver = receiver_,
               bell = bell_] {
    auto result = NatsConnection::open(options, url, receiver, bell);
    {
      const std::scoped_lock lock(attempt->mutex);
      attempt->is_done = true;
      attempt->result = std::move(result);
    }
    bell->ring();
    attempts->fetch_sub(1);
  }).detach();
  const auto end = Clock::now() + attempt_time;
  while (!stopping_) {
    {
      const std::scoped_lock lock(attempt->mutex);
      if (attempt->is_done) {
        if (attempt->result) return std::move(*attempt->result);
        tell_lost(attempt->result.error());
        return nullptr;
      }
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) {
      tell_lost(explain_connect(NATS_TIMEOUT, url));
      return nullptr;
    }
    wait_for_bell(left);
  }
  return nullptr;
}

void NatsDriver::pause(unsigned round) {
  const auto longest =
      std::min(longest_round_pause, first_round_pause * (1 << std::min(round, 5U)));
  // At least half of it, so that nodes that lost a server together come back apart.
  std::uniform_int_distribution<std::int64_t> some(longest.count() / 2, longest.count());
  const auto end = Clock::now() + std::chrono::milliseconds(some(chance_));
  while (!stopping_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return;
    wait_for_bell(left);
  }
}

void NatsDriver::tell_lost(const std::string& why) {
  if (!told_.insert(why).second) return;
  receiver_->tell([&](NatsUser& user) { user.nats_disconnected(why); });
}

void NatsDriver::wait_for_bell(std::chrono::milliseconds time) {
  pollfd one{.fd = bell_->descriptor(), .events = POLLIN, .revents = 0};
  ::poll(&one, 1, static_cast<int>(time.count()));
  bell_->silence();
}

void NatsDriver::serve(const std::shared_ptr<NatsConnection>& connection) {
  begin(connection);
  while (connection->is_open() && !stopping_) {
    change_subscriptions(*connection);
    send(*connection);
    if (connection->is_open()) wait(*connection);
  }
  if (stopping_) finish(*connection);
  {
    const std::scoped_lock lock(mutex_);
    figures_.is_connected = false;
  }
  if (!stopping_) tell_lost(connection->end_reason());
}

void NatsDriver::begin(const std::shared_ptr<NatsConnection>& connection) {
  connection->adopt();
  std::vector<std::string> subjects;
  {
    const std::scoped_lock lock(mutex_);
    connection_ = connection;
    changes_.clear();
    subjects.assign(subjects_.begin(), subjects_.end());
    figures_.is_connected = true;
    if (!figures_.server.empty()) ++figures_.reconnects;
    figures_.server = connection->server();
  }
  payload_bytes_max_ = connection->payload_bytes_max();
  told_.clear();
  for (const std::string& subject : subjects) subscribe_now(*connection, subject);
  receiver_->tell([&](NatsUser& user) { user.nats_connected(connection->server()); });
  use_(connection);
}

void NatsDriver::change_subscriptions(NatsConnection& connection) {
  std::vector<std::pair<std::string, bool>> changes;
  {
    const std::scoped_lock lock(mutex_);
    changes.swap(changes_);
  }
  for (const auto& [subject, wanted] : changes) {
    if (wanted) {
      subscribe_now(connection, subject);
    } else {
      connection.unsubscribe(subject);
    }
  }
}

void NatsDriver::subscribe_now(NatsConnection& connection, const std::string& subject) {
  const auto done = connection.subscribe(subject);
  if (!done) complain("No subscription to \"" + subject + "\" in NATS: " + done.error() + ".");
}

void NatsDriver::complain(const std::string& what) {
  receiver_->tell([&](NatsUser& user) { user.nats_complained(what); });
}

void NatsDriver::send(NatsConnection& connection) {
  if (connection.has_output()) connection.write();
  if (connection.has_output()) return;
  std::size_t bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t refused = 0;
  bool has_room = false;
  while (bytes < write_bytes) {
    const auto message = outbox_.front();
    if (!message) break;
    const natsStatus status = connection.publish(*message);
    if (status == NATS_CONNECTION_CLOSED) break;
    bytes += message->payload.size() + 1;
    (status == NATS_OK ? sent : refused) += 1;
    if (status == NATS_OK) sent_bytes += message->payload.size();
    if (outbox_.pop()) has_room = true;
  }
  if (connection.has_output()) connection.write();
  if (has_room) receiver_->tell([](NatsUser& user) { user.nats_has_room(); });
  if (sent + refused == 0) return;
  const std::scoped_lock lock(mutex_);
  figures_.messages_out += sent;
  figures_.bytes_out += sent_bytes;
  figures_.dropped += refused;
}

void NatsDriver::wait(NatsConnection& connection) {
  const bool was_behind = is_behind_;
  is_behind_ = connection.is_behind();
  if (is_behind_ && !was_behind) {
    const std::scoped_lock lock(mutex_);
    ++figures_.reading_pauses;
  }
  int time = is_behind_ ? static_cast<int>(behind_interval.count()) : -1;
  if (!connection.has_output() && !outbox_.rest()) time = 0;
  const int reads = is_behind_ ? 0 : POLLIN;
  const int writes = connection.has_output() ? POLLOUT : 0;
  std::array<pollfd, 2> both{
      {{.fd = bell_->descriptor(), .events = POLLIN, .revents = 0},
       {.fd = connection.socket(), .events = static_cast<short>(reads | writes), .revents = 0}}};
  if (::poll(both.data(), both.size(), time) <= 0) return;
  if (both[0].revents != 0) bell_->silence();
  if ((both[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(connection);
}

void NatsDriver::read(NatsConnection& connection) {
  connection.read();
  const std::string complaint = connection.take_complaint();
  if (!complaint.empty()) complain(complaint);
}

void NatsDriver::finish(NatsConnection& connection) {
  const auto end = Clock::now() + farewell_time;
  while (connection.is_open() && Clock::now() < end) {
    send(connection);
    if (!connection.has_output() && outbox_.bytes() == 0) return;
    pollfd one{.fd = connection.socket(), .events = POLLOUT, .revents = 0};
    ::poll(&one, 1, static_cast<int>(behind_interval.count()));
  }
}

}  // namespace transport
