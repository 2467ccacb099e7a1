#include "auth/authenticator_statistics.h"

namespace auth {
namespace {

using broker::FigureKind;
using broker::FigureUnit;
using broker::sum_of;

constexpr broker::Figure<AuthenticatorStatistics> login_rows[] = {
    {.name = "logins_hashed",
     .value = sum_of<&AuthenticatorStatistics::hashes_computed>,
     .topic = "logins/hashed",
     .help = "Passwords that were hashed."},
    {.name = "logins_cached",
     .value = sum_of<&AuthenticatorStatistics::cache_hits>,
     .topic = "logins/cached",
     .help = "Logins with a password that was known to be right, without a hash."},
    {.name = "logins_joined",
     .value = sum_of<&AuthenticatorStatistics::coalesced>,
     .topic = "logins/joined",
     .help = "Logins that shared the hash of the same user and password."},
    {.name = "logins_busy",
     .value = sum_of<&AuthenticatorStatistics::refused_busy>,
     .topic = "logins/busy",
     .help = "Logins that were refused because too many waited."},
    {.name = "logins_wrong",
     .value = sum_of<&AuthenticatorStatistics::failures>,
     .topic = "logins/wrong",
     .help = "Logins with an unknown user or a wrong password."},
    {.name = "logins_queued",
     .value = sum_of<&AuthenticatorStatistics::queued>,
     .kind = FigureKind::gauge,
     .topic = "logins/queued",
     .help = "Passwords that wait for a thread to hash them."},
    {.name = "logins_held",
     .value = sum_of<&AuthenticatorStatistics::held>,
     .kind = FigureKind::gauge,
     .topic = "logins/held",
     .help = "Passwords that wait because the same user and address failed before."},
    {.name = "logins_waiting",
     .value = sum_of<&AuthenticatorStatistics::waiting>,
     .kind = FigureKind::gauge,
     .topic = "logins/waiting",
     .help = "Logins that wait for their answer."},
    {.name = "login_memory",
     .value = sum_of<&AuthenticatorStatistics::hash_memory_bytes>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::bytes,
     .topic = "logins/memory",
     .help = "Memory that the threads keep to hash passwords."},
};
static_assert(broker::has_every_member<AuthenticatorStatistics>(login_rows),
              "each member of AuthenticatorStatistics has one row");
static_assert(broker::is_complete<AuthenticatorStatistics>(login_rows));

}  // namespace

broker::FigureTable<AuthenticatorStatistics> login_figures() noexcept {
  return {broker::FigureOwner::logins, login_rows};
}

}  // namespace auth
