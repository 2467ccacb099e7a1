#include "auth/login_jobs.h"

#include <cassert>
#include <utility>

namespace auth {

LoginJob* LoginJobs::find(const Mac& key) {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second.job;
}

bool LoginJobs::is_held(const Mac& key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && found->second.held;
}

LoginJobs::Entry& LoginJobs::add(const Mac& key, LoginJob job) {
  assert(!entries_.contains(key));
  const std::size_t bytes = job.user.size() + job.password.size();
  bytes_ += bytes;
  waiting_ += job.waiters.size();
  return entries_.emplace(key, Entry{std::move(job), std::nullopt, bytes}).first->second;
}

void LoginJobs::queue(const Mac& key, LoginJob job) {
  add(key, std::move(job));
  queue_.push_back(key);
}

void LoginJobs::hold(const Mac& key, LoginJob job, Time due) {
  ++held_per_pair_[job.pair].of(job);
  add(key, std::move(job)).held = held_.emplace(due, key);
}

void LoginJobs::join(LoginJob& job, LoginWaiter waiter) {
  job.waiters.push_back(std::move(waiter));
  ++waiting_;
}

void LoginJobs::hurry(const Mac& key) { release(key, entries_.at(key)); }

void LoginJobs::release_due(Time now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    const Mac key = held_.begin()->second;
    hurry(key);
  }
}

void LoginJobs::release(const Mac& key, Entry& entry) {
  assert(entry.held);
  held_.erase(*entry.held);
  entry.held.reset();
  const auto count = held_per_pair_.find(entry.job.pair);
  assert(count != held_per_pair_.end() && count->second.of(entry.job) > 0);
  --count->second.of(entry.job);
  if (count->second.for_hash + count->second.for_answer == 0) held_per_pair_.erase(count);
  queue_.push_back(key);
}

std::optional<LoginJobs::Time> LoginJobs::next_due() const {
  if (held_.empty()) return std::nullopt;
  return held_.begin()->first;
}

std::optional<Mac> LoginJobs::next() {
  if (queue_.empty()) return std::nullopt;
  const Mac key = queue_.front();
  queue_.pop_front();
  assert(entries_.contains(key));
  return key;
}

LoginJob LoginJobs::take(const Mac& key) {
  auto node = entries_.extract(key);
  assert(!node.empty() && !node.mapped().held);
  assert(bytes_ >= node.mapped().bytes && waiting_ >= node.mapped().job.waiters.size());
  bytes_ -= node.mapped().bytes;
  waiting_ -= node.mapped().job.waiters.size();
  return std::move(node.mapped().job);
}

std::vector<LoginJob> LoginJobs::take_all() {
  std::vector<LoginJob> jobs;
  jobs.reserve(entries_.size());
  for (auto& [key, entry] : entries_) jobs.push_back(std::move(entry.job));
  *this = LoginJobs();
  return jobs;
}

std::size_t LoginJobs::held_for_hash(const Mac& pair) const {
  const auto found = held_per_pair_.find(pair);
  return found == held_per_pair_.end() ? 0 : found->second.for_hash;
}

std::size_t LoginJobs::held_for_answer(const Mac& pair) const {
  const auto found = held_per_pair_.find(pair);
  return found == held_per_pair_.end() ? 0 : found->second.for_answer;
}

}  // namespace auth
