#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "broker/mailbox.h"
#include "broker/peer.h"

namespace {

using broker::PeerId;

/// What a shard makes of a publish for another one.
broker::PeerPublish message() {
  static const std::string payload(64, 'x');
  broker::MessageView view;
  view.topic = "bench/pairs/7";
  view.payload = mqtt::as_bytes(payload);
  broker::PeerPublish publish;
  publish.message = broker::SharedMessage::copy_of(view);
  return publish;
}

void push(broker::Mailboxes& mailboxes, std::vector<broker::PeerMessage>& messages,
          std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) messages.emplace_back(message());
  (void)mailboxes.push(PeerId{0}, PeerId{1}, messages);
}

/// Reads every message; returns how many there were.
std::size_t drain(broker::Mailboxes& mailboxes) {
  std::size_t count = 0;
  (void)mailboxes.drain(PeerId{1}, [&](PeerId /*from*/, broker::PeerMessage message) {
    const auto& publish = std::get<broker::PeerPublish>(message);
    benchmark::DoNotOptimize(publish.message.view().payload.front());
    ++count;
  });
  return count;
}

/// What a shard says to another in a turn, put into the mailbox and taken out by the same thread.
void one_thread(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  broker::Mailboxes mailboxes(2);
  std::vector<broker::PeerMessage> messages;
  for (auto _ : state) {
    push(mailboxes, messages, count);
    benchmark::DoNotOptimize(drain(mailboxes));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

/// The same with a thread for each shard: the time of both added up, waiting left out. What this
/// takes more than one thread is cache lines that move.
void two_threads(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const auto count = static_cast<std::size_t>(state.range(0));
  broker::Mailboxes mailboxes(2);
  std::atomic<std::size_t> received{0};
  std::atomic<std::int64_t> receiver_ns{0};
  std::atomic<bool> end{false};
  std::jthread receiver([&] {
    while (!end.load(std::memory_order_relaxed)) {
      if (mailboxes.empty(PeerId{1})) continue;
      const auto before = Clock::now();
      const std::size_t handled = drain(mailboxes);
      const std::chrono::nanoseconds time = Clock::now() - before;
      receiver_ns.fetch_add(time.count(), std::memory_order_relaxed);
      received.fetch_add(handled, std::memory_order_release);
    }
  });
  std::vector<broker::PeerMessage> messages;
  std::size_t sent = 0;
  for (auto _ : state) {
    const std::int64_t receiver_before = receiver_ns.load(std::memory_order_relaxed);
    const auto before = Clock::now();
    push(mailboxes, messages, count);
    const std::chrono::nanoseconds time = Clock::now() - before;
    sent += count;
    while (received.load(std::memory_order_acquire) < sent) {
    }
    const std::int64_t both = time.count() + receiver_ns.load() - receiver_before;
    state.SetIterationTime(static_cast<double>(both) / 1e9);
  }
  end = true;
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

/// What every turn pays that has no mail.
void empty(benchmark::State& state) {
  const broker::Mailboxes mailboxes(4);
  for (auto _ : state) {
    bool nothing = mailboxes.empty(PeerId{1});
    benchmark::DoNotOptimize(nothing);
  }
}

BENCHMARK(one_thread)->Arg(1)->Arg(100);
BENCHMARK(two_threads)->Arg(1)->Arg(100)->UseManualTime();
BENCHMARK(empty);

}  // namespace
