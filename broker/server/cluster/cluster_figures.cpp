#include "broker/server/cluster/cluster_figures.h"

namespace server {
namespace {

using broker::FigureKind;
using broker::FigureUnit;
using broker::sum_of;

constexpr broker::Figure<ClusterFigures> cluster_rows[] = {
    {.name = "cluster_connected",
     .value = sum_of<&ClusterFigures::is_connected>,
     .kind = FigureKind::gauge,
     .topic = "cluster/connected",
     .help = "1 while this node reaches NATS and knows the other nodes, 0 while it does not."},
    {.name = "cluster_nodes",
     .value = sum_of<&ClusterFigures::nodes>,
     .kind = FigureKind::gauge,
     .topic = "cluster/nodes",
     .help = "Nodes of the cluster that are alive, this one included."},
    {.name = "cluster_filters_announced",
     .value = sum_of<&ClusterFigures::filters_announced>,
     .kind = FigureKind::gauge,
     .topic = "cluster/filters/announced",
     .help = "Topic filters that this node has told the others: prefixes where there are many."},
    {.name = "cluster_filters_remote",
     .value = sum_of<&ClusterFigures::filters_of_others>,
     .kind = FigureKind::gauge,
     .topic = "cluster/filters/remote",
     .help = "Different topic filters of all other nodes."},
    {.name = "cluster_sent",
     .value = sum_of<&ClusterFigures::sent>,
     .topic = "cluster/messages/sent",
     .help = "Messages to other nodes."},
    {.name = "cluster_received",
     .value = sum_of<&ClusterFigures::received>,
     .topic = "cluster/messages/received",
     .help = "Messages from other nodes."},
    {.name = "cluster_send_dropped",
     .value = sum_of<&ClusterFigures::dropped_sent>,
     .topic = "cluster/messages/send_dropped",
     .help = "Messages that other nodes do not get: too large for NATS, or NATS is away."},
    {.name = "cluster_receive_dropped",
     .value = sum_of<&ClusterFigures::dropped_received>,
     .topic = "cluster/messages/receive_dropped",
     .help = "Messages of other nodes that this one could not take."},
    {.name = "cluster_queued",
     .value = sum_of<&ClusterFigures::queued_bytes>,
     .kind = FigureKind::gauge,
     .unit = FigureUnit::bytes,
     .topic = "cluster/queued",
     .help = "Messages that wait for NATS."},
    {.name = "cluster_reconnects",
     .value = sum_of<&ClusterFigures::reconnects>,
     .topic = "cluster/reconnects",
     .help = "Connections to NATS after the first one."},
    {.name = "cluster_last_error",
     .format =
         [](const ClusterFigures& figures) {
           return figures.last_error.empty() ? "none" : figures.last_error;
         },
     .kind = FigureKind::text,
     .topic = "cluster/last_error",
     .help = "Why there is, or was last, no connection to NATS."},
};
static_assert(broker::is_complete<ClusterFigures>(cluster_rows));

}  // namespace

broker::FigureTable<ClusterFigures> cluster_figures() noexcept {
  return {broker::FigureOwner::cluster, cluster_rows};
}

}  // namespace server
