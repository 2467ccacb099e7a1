#include "broker/server/answers.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;

transport::HttpResponse plain(unsigned status, std::string text) {
  transport::HttpResponse response;
  response.status = status;
  response.fields = "Cache-Control: no-store\r\n";
  response.body = std::move(text);
  return response;
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
  std::ranges::move(desk_->take(), std::back_inserter(waiting_));
  if (round_.is_complete()) {
    finish({});
  } else if (round_.is_overdue(now)) {
    finish(faults_of(round_.silent_loops()));
  }
  if (round_.is_open() || waiting_.empty()) return;
  asked_ = std::exchange(waiting_, {});
  round_.begin(parts_.loops, parts_.ask_loops, [desk = desk_] { desk->ring(); }, now);
}

void Answers::stop() {
  std::ranges::move(desk_->take(), std::back_inserter(waiting_));
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(asked_));
  round_.drop();
  for (const Question& question : std::exchange(asked_, {})) {
    question.reply.answer(plain(503, "The broker is stopping.\n"));
  }
}

void Answers::finish(std::vector<std::string> faults) {
  assert(round_.is_open());
  if (faults.empty()) {
    answer_figures(round_.take());
  } else {
    round_.drop();
    const std::string text = faults.front() + "\n";
    for (const Question& question : asked_) {
      if (question.kind == Question::Kind::metrics) question.reply.answer(plain(503, text));
    }
  }
  answer_ready(faults);
  asked_.clear();
}

void Answers::answer_figures(const std::vector<transport::LoopReport>& reports) {
  const auto asks = [](const Question& each) { return each.kind == Question::Kind::metrics; };
  if (!std::ranges::any_of(asked_, asks)) return;
  Sight sight = parts_.figures();
  for (const transport::LoopReport& report : reports) sight.add(report);
  for (const ExpositionForm form : {ExpositionForm::prometheus, ExpositionForm::openmetrics}) {
    std::optional<std::string> text;
    for (const Question& question : asked_) {
      if (!asks(question) || question.form != form) continue;
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
