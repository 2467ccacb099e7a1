#include "transport/bridge/bridge_port.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "transport/loop.h"

namespace transport {

namespace {

/// One run of bytes; `joined` has it, if the output is in pieces.
mqtt::Bytes run_of(const broker::Output& output, mqtt::ByteBuffer& joined) {
  if (output.splices.empty()) return output.bytes.view();
  joined.clear();
  std::size_t from = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    joined.append(output.bytes.view().subspan(from, splice.offset - from));
    joined.append(splice.payload);
    from = splice.offset;
  }
  joined.append(output.bytes.view().subspan(from));
  return joined.view();
}

/// Memory that one large message took is not kept.
constexpr std::size_t bytes_kept = std::size_t{256} << 10U;

void forget(mqtt::ByteBuffer& buffer) {
  if (buffer.capacity() > bytes_kept) {
    buffer.reset();
  } else {
    buffer.clear();
  }
}

/// The filters of `before` that `now` does not have.
std::vector<std::string> gone_filters(const std::vector<bridge::Filter>& before,
                                      const std::vector<bridge::Filter>& now) {
  std::vector<std::string> gone;
  for (const bridge::Filter& each : before) {
    const bool stays = std::ranges::any_of(
        now, [&](const bridge::Filter& other) { return other.text == each.text; });
    if (!stays) gone.push_back(each.text);
  }
  return gone;
}

void append(std::vector<std::string>& texts, const std::vector<std::string>& more) {
  texts.insert(texts.end(), more.begin(), more.end());
}

}  // namespace

BridgePort::BridgePort(Loop& loop, BridgePlan plan, bool& wakes)
    : loop_(loop),
      wakes_(wakes),
      plan_(std::move(plan)),
      link_(loop.events().uv(), *this),
      probe_(loop.events().uv()) {
  make_bridge();
}

void BridgePort::make_bridge() {
  assert(plan_.links.size() == plan_.options.addresses.size());
  bridge_ = std::make_unique<bridge::Bridge>(plan_.options, loop_.commons().log);
}

void BridgePort::start() {
  bridge_->start(loop_.now());
  wake();
}

void BridgePort::replace(BridgePlan plan) {
  assert(plan.options.local_client_id == plan_.options.local_client_id);
  next_ = std::move(plan);
  fate_ = Fate::replaced;
  if (next_->replaces_at_once) bridge_->stop(loop_.now());
  wake();
}

void BridgePort::leave() {
  fate_ = Fate::leaves;
  bridge_->stop(loop_.now());
  wake();
}

void BridgePort::stop() {
  fate_ = Fate::stays;  // nothing begins any more
  next_.reset();
  give_to_shard();
  bridge_->stop(loop_.now());
  carry_out_orders();
}

/// A connection that ends here has its time to do so: the other broker sees its end before that of
/// the session.
void BridgePort::go_on_with_fate() {
  if (fate_ == Fate::stays || fate_ == Fate::left || !link_.is_idle() || local_) return;
  if (fate_ == Fate::ends) {
    fate_ = Fate::left;
    return;
  }
  if (fate_ == Fate::replaced && bridge_->is_connected()) return;
  bridge_->stop(loop_.now());
  carry_out_orders();
  before_ = figures();
  connects_before_ += bridge_->figures().connects;
  if (fate_ == Fate::leaves) {
    // A session that expires at once, with nothing in it.
    plan_.options.local_clean = true;
    plan_.options.mappings.clear();
    plan_.options.start = bridge::Start::lazy;
    fate_ = Fate::ends;
  } else {
    assert(next_);
    const bridge::TopicMap old(plan_.options.mappings);
    plan_ = *std::exchange(next_, std::nullopt);
    const bridge::TopicMap now(plan_.options.mappings);
    append(plan_.options.local_leftovers, gone_filters(old.local_filters(), now.local_filters()));
    append(plan_.options.remote_leftovers,
           gone_filters(old.remote_filters(), now.remote_filters()));
    fate_ = Fate::stays;
  }
  make_bridge();
  start();
}

bool BridgePort::work() {
  if (!std::exchange(due_, false)) return false;
  go_on_with_fate();
  carry_out_orders();
  give_to_shard();
  carry_out_orders();
  write_to_link();
  pause_or_read();
  if (local_ && queued_bytes() != reported_bytes_) {
    reported_bytes_ = queued_bytes();
    loop_.connections().inner().report(*local_, reported_bytes_);
  }
  const bool gives = local_ && !held_ && !bridge_->local_output().empty();
  if (gives) wake();
  return due_ && !loop_.blocked();
}

void BridgePort::tick() {
  const broker::Instant now = loop_.now();
  if (const auto due = bridge_->next_wake(); due && *due <= now) wake();
  const bool may_be_lazy =
      plan_.options.start == bridge::Start::lazy && fate_ == Fate::stays && !local_;
  if (may_be_lazy && link_.is_idle() &&
      loop_.shard().waiting_for(plan_.options.local_client_id) >= plan_.threshold) {
    bridge_->messages_wait(now);
    wake();
  }
  if (fate_ != Fate::stays) wake();
}

BridgeFigures BridgePort::figures() const {
  const bridge::Figures now = bridge_->figures();
  const std::uint64_t connects = connects_before_ + now.connects;
  BridgeFigures sum = before_;
  sum.is_connected = bridge_->is_connected();
  sum.sent += now.messages.sent;
  sum.received += now.messages.received;
  sum.dropped += now.messages.dropped;
  sum.queued = loop_.shard().waiting_for(plan_.options.local_client_id);
  sum.reconnects = connects == 0 ? 0 : connects - 1;
  sum.last_error = last_error_;
  return sum;
}

// Orders of the bridge.

void BridgePort::carry_out_orders() {
  while (const auto order = bridge_->next(loop_.now())) carry_out(*order);
}

void BridgePort::carry_out(const bridge::Order& order) {
  if (const auto* remote = std::get_if<bridge::OpenRemote>(&order)) {
    open_remote(remote->address);
  } else if (std::holds_alternative<bridge::CloseRemote>(order)) {
    close_remote();
  } else if (std::holds_alternative<bridge::OpenLocal>(order)) {
    open_local();
  } else if (std::holds_alternative<bridge::CloseLocal>(order)) {
    close_local();
  } else {
    try_first();
  }
}

void BridgePort::open_remote(std::size_t address) {
  assert(address < plan_.links.size());
  if (!link_.is_idle()) {
    wanted_ = address;
    return;
  }
  closing_ = false;
  link_.open(plan_.links[address]);
}

void BridgePort::close_remote() {
  wanted_.reset();
  if (link_.is_idle() || closing_) return;
  if (!link_.is_open()) return link_.cancel();
  write_to_link();
  bridge_->remote_output().clear();
  closing_ = true;
  link_.close();
}

void BridgePort::open_local() {
  assert(!local_);
  held_ = false;
  reported_bytes_ = 0;
  local_ = loop_.connections().inner().open(
      *this, {.listener = plan_.listener, .address = "bridge", .protocol = "mqtt"});
  bridge_->local_opened(loop_.now());
}

void BridgePort::close_local() {
  if (!local_) return;
  loop_.connections().inner().close(*std::exchange(local_, std::nullopt));
}

void BridgePort::try_first() {
  if (probe_.busy()) return;
  probe_.connect(target_of(plan_.links.front()), [this](const auto& result) {
    if (!result) return;
    bridge_->first_reachable(loop_.now());
    wake();
  });
}

// Bytes.

/// Once a turn, so that the sockets have theirs.
void BridgePort::give_to_shard() {
  if (!local_ || held_ || loop_.blocked() || bridge_->local_output().empty()) return;
  assert(given_.empty());
  std::swap(given_, bridge_->local_output());
  held_ = !loop_.connections().inner().send(*local_, given_.view());
  forget(given_);
}

void BridgePort::write_to_link() {
  if (closing_ || !link_.is_open()) return;
  link_.write(bridge_->remote_output());
  if (link_.unsent() > 0) link_.tell_when_sent();
}

void BridgePort::pause_or_read() {
  if (closing_) return link_.set_reading(true);
  link_.set_reading(bridge_->wants_remote_input() && !held_ && !loop_.blocked());
  // Nothing else tells that other shards have room again.
  if (loop_.blocked() && link_.is_open()) wake();
}

std::size_t BridgePort::queued_bytes() const {
  return bridge_->remote_output().size() + link_.unsent();
}

// The link.

void BridgePort::link_opened() {
  bridge_->remote_opened(loop_.now());
  wake();
}

void BridgePort::link_received(mqtt::Bytes bytes) {
  if (closing_) return;
  bridge_->remote_received(bytes, loop_.now());
  wake();
}

void BridgePort::link_writable() { wake(); }

void BridgePort::link_closed(const LinkEnd& end) {
  wake();
  if (std::exchange(closing_, false)) {
    if (wanted_) open_remote(*std::exchange(wanted_, std::nullopt));
    return;
  }
  last_error_ = end.text.empty() ? "the other broker has closed the connection" : end.text;
  bridge_->remote_closed(last_error_, loop_.now());
}

// The connection to the shard.

std::size_t BridgePort::inner_received(const broker::Output& output) {
  bridge_->local_received(run_of(output, joined_), loop_.now());
  forget(joined_);
  write_to_link();
  wake();
  reported_bytes_ = queued_bytes();
  return reported_bytes_;
}

void BridgePort::inner_closed() {
  local_.reset();
  bridge_->local_closed(loop_.now());
  wake();
}

void BridgePort::inner_resumed() {
  held_ = false;
  wake();
}

}  // namespace transport
