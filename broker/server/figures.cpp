#include "broker/server/figures.h"

namespace server {
namespace {

using broker::FigureKind;
using broker::FigureUnit;
using broker::largest_of;
using broker::sum_of;

constexpr broker::Figure<ProcessFigures> process_rows[] = {
    {.name = "heap",
     .value = sum_of<&ProcessFigures::heap_bytes>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::bytes,
     .topic = "heap/current",
     .help = "Memory that the broker has allocated."},
    {.name = "heap_maximum",
     .value = sum_of<&ProcessFigures::heap_max_bytes>,
     .kind = FigureKind::maximum,
     .unit = FigureUnit::bytes,
     .topic = "heap/maximum",
     .help = "The same, the most of all values."},
    {.name = "log_dropped",
     .value = sum_of<&ProcessFigures::log_lines_dropped>,
     .topic = "log/dropped",
     .help = "Log lines that were dropped because nobody read them in time."},
    {.name = "resident",
     .value = sum_of<&ProcessFigures::resident_bytes>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::bytes,
     .help = "Resident memory of the process."},
    {.name = "open_files",
     .value = sum_of<&ProcessFigures::open_files>,
     .kind = FigureKind::gauge,
     .help = "File descriptors that are open; 0 if the kernel does not tell."},
    {.name = "open_files_limit",
     .value = sum_of<&ProcessFigures::open_files_max>,
     .kind = FigureKind::gauge,
     .help = "File descriptors that may be open at a time; 0 if that is not known."},
    {.name = "mailbox_messages",
     .value = sum_of<&ProcessFigures::mail_waiting>,
     .kind = FigureKind::gauge,
     .help = "Messages from loop to loop that have not been read; a batch counts as one."},
    {.name = "configuration_generation",
     .value = largest_of<&ProcessFigures::configuration_generation>,
     .kind = FigureKind::gauge,
     .help = "1 at the start, and one more with each reload that was taken over."},
    {.name = "reloads_refused",
     .value = sum_of<&ProcessFigures::reloads_refused>,
     .help = "Reloads that changed nothing, for errors in the configuration."},
};
static_assert(broker::has_every_member<ProcessFigures>(process_rows),
              "each member of ProcessFigures has one row");
static_assert(broker::is_complete<ProcessFigures>(process_rows));

constexpr broker::Figure<CertificateFigures> certificate_rows[] = {
    {.name = "certificate_end_timestamp",
     .value = largest_of<&CertificateFigures::ends>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::seconds,
     .topic = "certificate/+/ends",
     .label = "port",
     .help = "The end of the certificate of a listener, in seconds since 1970."},
    {.name = "certificate_left",
     .value = largest_of<&CertificateFigures::days>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::days,
     .topic = "certificate/+/days",
     .label = "port",
     .help = "The time until then."},
};
static_assert(broker::has_every_member<CertificateFigures>(certificate_rows),
              "each member of CertificateFigures has one row");
static_assert(broker::is_complete<CertificateFigures>(certificate_rows));

using transport::BridgeFigures;

constexpr broker::Figure<BridgeFigures> bridge_rows[] = {
    {.name = "bridge_connected",
     .value = largest_of<&BridgeFigures::is_connected>,
     .kind = FigureKind::gauge,
     .topic = "bridge/+/connected",
     .label = "bridge",
     .help = "1 while messages cross a bridge, 0 while they do not."},
    {.name = "bridge_sent",
     .value = sum_of<&BridgeFigures::sent>,
     .topic = "bridge/+/sent",
     .label = "bridge",
     .help = "Messages to the other broker."},
    {.name = "bridge_received",
     .value = sum_of<&BridgeFigures::received>,
     .topic = "bridge/+/received",
     .label = "bridge",
     .help = "Messages from the other broker."},
    {.name = "bridge_dropped",
     .value = sum_of<&BridgeFigures::dropped>,
     .topic = "bridge/+/dropped",
     .label = "bridge",
     .help = "Messages that were too large for the other end, or had crossed too many bridges."},
    {.name = "bridge_queued",
     .value = sum_of<&BridgeFigures::queued>,
     .kind = FigureKind::gauge,
     .topic = "bridge/+/queued",
     .label = "bridge",
     .help = "Messages that wait for the other broker, or are in flight to it."},
    {.name = "bridge_reconnects",
     .value = sum_of<&BridgeFigures::reconnects>,
     .topic = "bridge/+/reconnects",
     .label = "bridge",
     .help = "Connections that the other broker accepted, without the first."},
    {.name = "bridge_last_error",
     .format =
         [](const BridgeFigures& figures) {
           return figures.last_error.empty() ? "none" : figures.last_error;
         },
     .kind = FigureKind::text,
     .topic = "bridge/+/last_error",
     .label = "bridge",
     .help = "Why its last connection ended or did not come about; \"none\" before that."},
};
static_assert(broker::is_complete<BridgeFigures>(bridge_rows));

}  // namespace

broker::FigureTable<BridgeFigures> bridge_figures() noexcept {
  return {broker::FigureOwner::bridges, bridge_rows};
}

broker::FigureTable<ProcessFigures> process_figures() noexcept {
  return {broker::FigureOwner::process, process_rows};
}

broker::FigureTable<CertificateFigures> certificate_figures() noexcept {
  return {broker::FigureOwner::certificates, certificate_rows};
}

}  // namespace server
