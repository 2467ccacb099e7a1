#include "broker/server/answers.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <iterator>
#include <optional>

#include "broker/core/text.h"
#include "broker/server/http/gate.h"

namespace server {
namespace {

using broker::concat;

constexpr std::int64_t round_wait_milliseconds = Round::patience_milliseconds / 4;

std::int64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

transport::HttpResponse plain(unsigned status, std::string text) {
  transport::HttpResponse response;
  response.status = status;
  response.fields = "Cache-Control: no-store\r\n";
  response.body = std::move(text);
  return response;
}

/// Whether the answer needs no round of the loops.
bool is_without_round(const Question& question) {
  using enum ApiCall::Kind;
  if (question.kind != Question::Kind::api) return false;
  const ApiCall::Kind kind = question.api->kind;
  return kind == administration || kind == backups || kind == back_up;
}

/// A sentence for each loop that does not turn.
std::vector<std::string> faults_of(const std::vector<std::uint32_t>& silent_loops) {
  std::vector<std::string> faults;
  faults.reserve(silent_loops.size());
  for (const std::uint32_t loop : silent_loops) {
    faults.push_back(concat({"Loop ", std::to_string(loop), " does not answer."}));
  }
  return faults;
}

}  // namespace

void Answers::look(broker::Instant now) {
  take();
  administer();
  if (round_.is_complete()) {
    finish({}, now);
  } else if (round_.is_overdue(now)) {
    finish(faults_of(round_.silent_loops()), now);
  }
  if (desk_->admins()->is_on() && history_.is_due(now)) {
    history_.begin(now);
    Question sample;
    sample.kind = Question::Kind::sample;
    waiting_.push_back(std::move(sample));
  }
  if (round_.is_open() || waiting_.empty()) return;
  asked_ = std::exchange(waiting_, {});
  round_.begin(parts_.loops, parts_.ask_loops, [desk = desk_] { desk->ring(); }, now);
}

std::int64_t Answers::sooner_milliseconds(std::int64_t wait_milliseconds,
                                          broker::Instant now) const {
  if (!orders_.empty()) return 0;
  if (round_.is_open()) wait_milliseconds = std::min(wait_milliseconds, round_wait_milliseconds);
  if (!desk_->admins()->is_on()) return wait_milliseconds;
  const std::int64_t sample = history_.next().milliseconds - now.milliseconds;
  return std::clamp(sample, std::int64_t{0}, wait_milliseconds);
}

/// Takes the questions that have come.
void Answers::take() {
  for (Question& question : desk_->take()) {
    if (is_without_round(question)) {
      orders_.push_back(std::move(question));
    } else {
      waiting_.push_back(std::move(question));
    }
  }
}

void Answers::administer() {
  for (std::size_t i = 0; i < orders_per_look && !orders_.empty(); ++i) {
    const Question question = std::move(orders_.front());
    orders_.pop_front();
    parts_.api.administer(*question.api, question.reply);
  }
}

void Answers::stop() {
  parts_.api.stop();
  take();
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(asked_));
  std::ranges::move(std::exchange(orders_, {}), std::back_inserter(asked_));
  round_.drop();
  for (const Question& question : std::exchange(asked_, {})) {
    if (question.kind == Question::Kind::sample) continue;
    question.reply.answer(plain(503, "The broker is stopping.\n"));
  }
}

void Answers::finish(std::vector<std::string> faults, broker::Instant now) {
  assert(round_.is_open());
  if (faults.empty()) {
    answer_figures(round_.take(), now);
  } else {
    round_.drop();
    const std::string text = faults.front() + "\n";
    for (const Question& question : asked_) {
      if (question.kind == Question::Kind::metrics) question.reply.answer(plain(503, text));
      if (question.kind != Question::Kind::api) continue;
      question.reply.answer(json_response(503, transport::error_json(faults.front())));
    }
  }
  answer_ready(faults);
  asked_.clear();
}

void Answers::answer_figures(const std::vector<transport::LoopReport>& reports,
                             broker::Instant now) {
  const auto is_ready = [](const Question& each) { return each.kind == Question::Kind::ready; };
  if (std::ranges::all_of(asked_, is_ready)) return;
  Sight sight = parts_.figures();
  for (const transport::LoopReport& report : reports) sight.add(report);
  const auto is_sample = [](const Question& each) { return each.kind == Question::Kind::sample; };
  if (std::ranges::any_of(asked_, is_sample)) history_.add(sight, now, unix_seconds());
  answer_metrics(sight);
  answer_api(sight);
}

void Answers::answer_api(const Sight& sight) {
  for (const Question& question : asked_) {
    if (question.kind != Question::Kind::api) continue;
    question.reply.answer(parts_.api.answer(*question.api, sight, history_));
  }
}

void Answers::answer_metrics(const Sight& sight) {
  for (const ExpositionForm form : {ExpositionForm::prometheus, ExpositionForm::openmetrics}) {
    std::optional<std::string> text;
    for (const Question& question : asked_) {
      if (question.kind != Question::Kind::metrics || question.form != form) continue;
      if (!text) text = text_of(sight, form);
      transport::HttpResponse response = plain(200, *text);
      response.type = content_type_of(form);
      question.reply.answer(std::move(response));
    }
  }
}

void Answers::answer_ready(const std::vector<std::string>& faults) {
  std::optional<std::vector<std::string>> all;
  for (const Question& question : asked_) {
    if (question.kind != Question::Kind::ready) continue;
    if (!all) {
      all = parts_.faults();
      all->insert(all->end(), faults.begin(), faults.end());
    }
    if (all->empty()) {
      question.reply.answer(plain(200, "ready\n"));
      continue;
    }
    std::string text = "not ready\n";
    for (const std::string& fault : *all) text += fault + "\n";
    question.reply.answer(plain(503, std::move(text)));
  }
}

}  // namespace server
