#include "broker/server/log_queue.h"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>
#include <vector>

namespace server {
namespace {

constexpr std::chrono::milliseconds patience_at_the_end{1000};

std::size_t bytes_of(const LogLine& line) {
  return sizeof line + line.stamp.size() + line.text.size();
}

}  // namespace

struct LogQueue::State {
  State(std::shared_ptr<LogOutput> to, Form of_line) : output(std::move(to)), form(of_line) {}

  const std::shared_ptr<LogOutput> output;
  const Form form;
  std::mutex mutex;  // guards the members below
  std::condition_variable changed;
  std::vector<LogLine> lines;
  std::size_t bytes = 0;  // of `lines` and of those that are being written
  std::uint64_t dropped = 0;
  std::uint64_t dropped_unsaid = 0;
  std::string dropped_stamp;  // of the last one
  bool busy = false;          // the thread is writing
  bool ending = false;

  [[nodiscard]] bool has_more() const { return !lines.empty() || dropped_unsaid > 0; }
  [[nodiscard]] bool written() const { return !has_more() && !busy; }
  /// Takes the lines to write next, and behind them the line about those that were dropped.
  [[nodiscard]] std::vector<LogLine> take();
};

std::vector<LogLine> LogQueue::State::take() {
  std::vector<LogLine> taken = std::exchange(lines, {});
  if (const std::uint64_t count = std::exchange(dropped_unsaid, 0); count > 0) {
    const std::string sentence =
        "Warning: " + std::to_string(count) +
        " log lines were dropped: what came before them was not read in time.";
    taken.push_back(
        {broker::LogType::warning, dropped_stamp, form == nullptr ? sentence : form(sentence)});
  }
  return taken;
}

LogQueue::LogQueue(std::shared_ptr<LogOutput> output, Form form)
    : state_(std::make_shared<State>(std::move(output), form)) {
  // Signals are for the thread that waits for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([state = state_] { run(state); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogQueue::~LogQueue() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  flush(patience_at_the_end);
}

void LogQueue::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    state->changed.wait(lock, [&] { return state->has_more() || state->ending; });
    if (!state->has_more()) return;
    const std::size_t bytes = state->bytes;
    const std::vector<LogLine> lines = state->take();
    state->busy = true;
    lock.unlock();
    state->output->write(lines);
    lock.lock();
    state->busy = false;
    state->bytes -= bytes;
    if (state->written()) state->changed.notify_all();
  }
}

void LogQueue::add(broker::LogType type, std::string_view stamp, std::string_view text) {
  LogLine line{type, std::string(stamp), std::string(text)};
  const std::size_t bytes = bytes_of(line);
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->bytes + bytes > bytes_max) {
      ++state_->dropped;
      ++state_->dropped_unsaid;
      state_->dropped_stamp = std::move(line.stamp);
      return;
    }
    state_->bytes += bytes;
    state_->lines.push_back(std::move(line));
    // A thread that writes looks for more before it waits.
    if (state_->busy || state_->lines.size() > 1) return;
  }
  state_->changed.notify_all();
}

void LogQueue::flush(std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, patience, [this] { return state_->written(); });
}

std::uint64_t LogQueue::dropped() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->dropped;
}

}  // namespace server
