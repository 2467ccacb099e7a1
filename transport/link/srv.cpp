#include "transport/link/srv.h"

#include <algorithm>
#include <arpa/nameser.h>
#include <array>
#include <cassert>
#include <cstddef>
#include <netdb.h>
#include <random>
#include <resolv.h>
#include <span>
#include <utility>

#include "transport/http.h"

namespace transport {
namespace {

constexpr std::size_t answer_bytes_max = std::size_t{64} << 10U;
constexpr std::size_t targets_max = 16;

using Targets = std::expected<std::vector<SrvTarget>, std::string>;

/// A state of the resolver for one question: the system's common one is not for threads.
class Resolver {
 public:
  Resolver() : works_(res_ninit(&state_) == 0) {}
  ~Resolver() {
    if (works_) res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The answer to a question for SRV records; or why not.
  [[nodiscard]] std::expected<std::vector<std::byte>, std::string> ask(const std::string& name) {
    if (!works_) return std::unexpected(name + ": the resolver cannot start");
    std::vector<std::byte> answer(answer_bytes_max);
    const int size = res_nsearch(&state_, name.c_str(), ns_c_in, ns_t_srv,
                                 reinterpret_cast<unsigned char*>(answer.data()),
                                 static_cast<int>(answer.size()));
    if (size < 0) return std::unexpected(name + ": " + std::string(error_text()));
    answer.resize(std::min(answer.size(), static_cast<std::size_t>(size)));
    return answer;
  }

 private:
  [[nodiscard]] std::string_view error_text() const noexcept {
    if (state_.res_h_errno == HOST_NOT_FOUND || state_.res_h_errno == NO_DATA) {
      return "there is no such SRV record: name the host itself, or add the record to the domain";
    }
    return "no name server answers: check the resolver (/etc/resolv.conf)";
  }

  struct __res_state state_{};
  bool works_;
};

Targets find_targets(const std::string& name) {
  const auto answer = Resolver().ask(name);
  if (!answer) return std::unexpected(answer.error());
  std::vector<SrvTarget> targets = read_srv_answer(*answer);
  if (targets.empty()) return std::unexpected(name + ": the answer has no SRV record");
  std::random_device device;
  order_srv_targets(targets, [&](std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(0, most)(device);
  });
  std::erase_if(targets, [](const SrvTarget& target) { return target.host.empty(); });
  if (targets.empty())
    return std::unexpected(name + ": the domain says that it has no such server");
  if (targets.size() > targets_max) targets.resize(targets_max);
  return targets;
}

/// Moves to the front the target that is tried first of those with one priority.
void choose_first(std::span<SrvTarget> equal,
                  const std::function<std::uint32_t(std::uint32_t)>& random) {
  std::uint32_t sum = 0;
  for (const SrvTarget& target : equal) sum += target.weight;
  const std::uint32_t chosen = random(sum);
  std::uint32_t reached = 0;
  const auto found = std::ranges::find_if(equal, [&](const SrvTarget& target) {
    reached += target.weight;
    return reached >= chosen;
  });
  assert(found != equal.end());
  std::rotate(equal.begin(), found, found + 1);
}

bool is_in_domain(std::string_view host, std::string_view domain) {
  if (host.size() < domain.size()) return false;
  const std::size_t before = host.size() - domain.size();
  return equal_any_case(host.substr(before), domain) && (before == 0 || host[before - 1] == '.');
}

}  // namespace

std::string srv_name(std::string_view domain, bool has_tls) {
  std::string name = has_tls ? "_secure-mqtt._tcp" : "_mqtt._tcp";
  if (!domain.empty()) name += "." + std::string(domain);
  return name;
}

std::vector<SrvTarget> read_srv_answer(mqtt::Bytes answer) {
  constexpr std::size_t fixed_bytes = 6;  // priority, weight, port
  std::vector<SrvTarget> targets;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(answer.data());
  ns_msg message;
  if (ns_initparse(bytes, static_cast<int>(answer.size()), &message) != 0) return targets;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return {};
    if (ns_rr_type(record) != ns_t_srv || ns_rr_class(record) != ns_c_in) continue;
    const unsigned char* const data = ns_rr_rdata(record);
    std::array<char, NS_MAXDNAME> host{};
    if (ns_rr_rdlen(record) <= fixed_bytes ||
        dn_expand(bytes, bytes + answer.size(), data + fixed_bytes, host.data(), host.size()) < 0) {
      return {};
    }
    const auto number = [&](std::size_t at) {
      return static_cast<std::uint16_t>(data[at] << 8U | data[at + 1]);
    };
    targets.push_back({host.data(), number(4), number(0), number(2)});
  }
  return targets;
}

void order_srv_targets(std::vector<SrvTarget>& targets,
                       const std::function<std::uint32_t(std::uint32_t)>& random) {
  // Without weight means seldom: such a target is chosen by a 0 alone, so it stands in front.
  std::ranges::stable_sort(targets, [](const SrvTarget& one, const SrvTarget& other) {
    return std::pair(one.priority, one.weight != 0) < std::pair(other.priority, other.weight != 0);
  });
  for (auto first = targets.begin(); first != targets.end(); ++first) {
    const auto end = std::find_if(first, targets.end(), [&](const SrvTarget& target) {
      return target.priority != first->priority;
    });
    choose_first({first, end}, random);
  }
}

std::string checked_srv_name(std::string_view domain, const std::string& host) {
  return domain.empty() || is_in_domain(host, domain) ? host : std::string(domain);
}

/// One question, from ask() to the return of its thread.
struct SrvLookup::Question {
  std::string name;
  Done done;
  SrvLookup* owner;  // null: the answer is not wanted any more
  Targets targets{};
  uv_work_t work{};

  static Question& of(uv_work_t* work) noexcept { return *static_cast<Question*>(work->data); }
  void finish() {
    if (owner == nullptr) return;
    owner->question_ = nullptr;
    // Last: it may ask again.
    std::exchange(done, nullptr)(std::move(targets));
  }
};

void SrvLookup::ask(const std::string& name, Done done) {
  assert(question_ == nullptr);
  question_ = new Question{name, std::move(done), this};
  question_->work.data = question_;
  uv_queue_work(
      loop_, &question_->work,
      [](uv_work_t* work) { Question::of(work).targets = find_targets(Question::of(work).name); },
      [](uv_work_t* work, int /*status*/) {
        Question::of(work).finish();
        delete &Question::of(work);
      });
}

void SrvLookup::cancel() noexcept {
  if (question_ == nullptr) return;
  question_->owner = nullptr;
  question_ = nullptr;
}

}  // namespace transport
