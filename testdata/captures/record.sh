#!/usr/bin/env bash
# Records the fixtures of this folder again: real exporters, in network namespaces, on known traffic.
#
#   record.sh                 all of them
#   record.sh NAME…           these (a folder's name, e.g. softflowd-v9)
#   record.sh list            their names
#
# Needs root, and Debian's softflowd pmacct fprobe openvswitch-switch nfdump nfdump-sflow tcpdump tshark iproute2
# nftables ethtool python3. Everything happens in namespaces named wx-*, which are removed at the end; the
# machine's own network is not touched. Each fixture takes about ten seconds.
#
# For each: NAME/export.pcap (the export datagrams, as they arrived at the collector's interface) and
# NAME/truth.json (the kernel's counters, the exporter's own statement, and what two decoders read in the capture).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/office.sh"

PORT=2055
TARGET=$COLLECTOR:$PORT
work=
pids=()

# --- the frame of every recording ------------------------------------------------------------------------------

# begin NAME SINK [bridge|ipv6]: office up, recorder and sink running. The sink (nfcapd, sfcapd) makes the port an open
# one, since an exporter that meets ICMP errors loses datagrams; it is the second decoder at the same time.
begin() {
  local address=$COLLECTOR
  if [ "${3:-}" = ipv6 ]; then address=$COLLECTOR6; fi
  name=$1
  work=$(mktemp -d)
  mkdir -p "$work/sink" "$here/$name"
  echo "recording $name" >&2
  office_up "${3:-}"
  ip netns exec wx-col tcpdump -q -U -s 0 -i col0 -w "$work/export.pcap" "udp dst port $PORT" 2>/dev/null &
  pids+=($!)
  ip netns exec wx-col "$2" -b "$address" -p $PORT -w "$work/sink" -t 3600 >"$work/sink.log" 2>&1 &
  pids+=($!)
  sleep 2.5 # the kernel's last multicast listener reports leave before anybody counts
}

# exporter NS COMMAND…: starts it in the background, notes the command line for truth.json, counts from zero.
exporter() {
  local ns=$1
  shift
  echo "$*" >>"$work/commands"
  ip netns exec "$ns" "$@" >>"$work/exporter.log" 2>&1 &
  exporter_pid=$!
  sleep 1.5
  if [ "$(wc -l <"$work/commands")" -eq 1 ]; then office_zero; fi # not when it is started again
}

# finish SUMMARY: stops recorder and sink, has the capture decoded, writes truth.json, removes the office.
finish() {
  office_counters >"$work/counters.json"
  sleep 0.5
  kill "${pids[@]}"
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
  office_down
  cp "$work/export.pcap" "$here/$name/export.pcap"
  python3 "$here/truth.py" "$name" "$1" "$work" "$here/$name"
  rm -rf "$work"
}

cleanup() {
  if [ ${#pids[@]} -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; fi
  office_down
}
trap cleanup EXIT

# --- softflowd -------------------------------------------------------------------------------------------------

# softflowd_fixture NAME SUMMARY OPTION…: two rounds of traffic, all flows expired after each, then its statistics.
#
# softflowd opens libpcap with an infinite timeout: on Linux it is handed packets only when a block of the capture
# ring (128 KiB, some 800 packets) is full, and the last block never. Frames that are no IP fill it up; softflowd
# reports them as "Ignored packets (non-IP)".
softflowd_fixture() {
  local summary=$2
  begin "$1" nfcapd
  shift 2
  softflowd_start $TARGET "$@"
  softflowd_round 1
  softflowd_round 2
  softflowd_stop
  finish "$summary"
}

control() { softflowctl -c "$work/control" "$1"; }

softflowd_start() {
  local target=$1
  shift
  exporter wx-rtr softflowd -d -i 7:wan -p "$work/pid" -c "$work/control" -n "$target" "$@"
}

softflowd_round() {
  office_traffic "$1"
  office_push
  sleep 0.3
  control expire-all >/dev/null
  sleep 0.7
}

softflowd_stop() {
  control statistics >>"$work/statement"
  kill $exporter_pid
  wait $exporter_pid || true
}

softflowd-v1() { softflowd_fixture softflowd-v1 "NetFlow version 1" -v 1; }
softflowd-v5() { softflowd_fixture softflowd-v5 "NetFlow version 5" -v 5; }
softflowd-v9() { softflowd_fixture softflowd-v9 "NetFlow version 9" -v 9; }
softflowd-v10() { softflowd_fixture softflowd-v10 "IPFIX" -v 10; }
softflowd-v10-biflow() { softflowd_fixture softflowd-v10-biflow "IPFIX, bidirectional records (RFC 5103)" -v 10 -b; }
softflowd-v10-ether() { softflowd_fixture softflowd-v10-ether "IPFIX, MAC addresses, VLANs, milliseconds" -v 10 -T ether -A milli; }
softflowd-v10-micro() { softflowd_fixture softflowd-v10-micro "IPFIX, microseconds" -v 10 -A micro; }
softflowd-v10-nano() { softflowd_fixture softflowd-v10-nano "IPFIX, nanoseconds" -v 10 -A nano; }
softflowd-v5-sampled() { softflowd_fixture softflowd-v5-sampled "NetFlow version 5, 1 packet in 10" -v 5 -s 10; }
softflowd-v9-sampled() { softflowd_fixture softflowd-v9-sampled "NetFlow version 9, 1 packet in 10" -v 9 -s 10; }
softflowd-v10-sampled() { softflowd_fixture softflowd-v10-sampled "IPFIX, 1 packet in 10" -v 10 -s 10; }

# Stopped and started between the rounds: uptime and sequence begin again, the source port is another one.
softflowd_restart_fixture() {
  begin "$1" nfcapd
  softflowd_start $TARGET -v "$3"
  softflowd_round 1
  softflowd_stop
  softflowd_start $TARGET -v "$3"
  softflowd_round 2
  softflowd_stop
  finish "$2"
}
softflowd-v5-restart() { softflowd_restart_fixture softflowd-v5-restart "NetFlow version 5, restarted half-way" 5; }
softflowd-v9-restart() { softflowd_restart_fixture softflowd-v9-restart "NetFlow version 9, restarted half-way" 9; }

# The datagrams travel over IPv6.
softflowd-v9-over-ipv6() {
  begin softflowd-v9-over-ipv6 nfcapd ipv6
  softflowd_start "[$COLLECTOR6]:$PORT" -v 9
  softflowd_round 1
  softflowd_round 2
  softflowd_stop
  finish "NetFlow version 9, exported over IPv6"
}

# --- pmacctd ---------------------------------------------------------------------------------------------------

# pmacctd_fixture ROUNDS NAME SINK SUMMARY LINE…: the lines are the configuration that differs. Everything idle for a
# second expires, so that each round of traffic is exported by itself; the rest goes out when it ends. SIGUSR1 makes it
# log what libpcap received. ROUNDS is "2", or "one": a single round, from one host of each family.
pmacctd_fixture() {
  local rounds=$1 summary=$4
  begin "$2" "$3"
  shift 4
  printf '%s\n' 'daemonize: false' 'pcap_interface: wan' "$@" >"$work/pmacctd.conf"
  exporter wx-rtr pmacctd -f "$work/pmacctd.conf"
  office_traffic 1 "$rounds"
  sleep 4
  if [ "$rounds" = 2 ]; then
    office_traffic 2
    sleep 4
  fi
  kill -USR1 $exporter_pid
  sleep 0.5
  kill -INT $exporter_pid
  wait $exporter_pid || true
  sleep 1
  cp "$work/exporter.log" "$work/statement"
  finish "$summary"
}

nfprobe_fixture() {
  local name=$1 summary=$2
  shift 2
  pmacctd_fixture 2 "$name" nfcapd "$summary" 'plugins: nfprobe' "nfprobe_receiver: $TARGET" \
    "nfprobe_source_ip: $EXPORTER" 'nfprobe_timeouts: general=1:tcp=1:tcp.fin=1:tcp.rst=1:udp=1:icmp=1:expint=1' "$@"
}

pmacctd-v5() { nfprobe_fixture pmacctd-v5 "NetFlow version 5" 'nfprobe_version: 5'; }
pmacctd-v9() {
  nfprobe_fixture pmacctd-v9 "NetFlow version 9" 'nfprobe_version: 9' \
    'aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags'
}
pmacctd-v10() {
  nfprobe_fixture pmacctd-v10 "IPFIX" 'nfprobe_version: 10' \
    'aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags'
}
pmacctd-v9-sampled() {
  nfprobe_fixture pmacctd-v9-sampled "NetFlow version 9, 1 packet in 10" 'nfprobe_version: 9' 'sampling_rate: 10' \
    'aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags'
}
pmacctd-v10-sampled() {
  nfprobe_fixture pmacctd-v10-sampled "IPFIX, 1 packet in 10" 'nfprobe_version: 10' 'sampling_rate: 10' \
    'aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags'
}
pmacctd-sflow() {
  pmacctd_fixture one pmacctd-sflow sfcapd "sFlow version 5, every packet" 'plugins: sfprobe' "sfprobe_receiver: $TARGET" \
    "sfprobe_agentip: $EXPORTER" 'sampling_rate: 1'
}
pmacctd-sflow-sampled() {
  pmacctd_fixture 2 pmacctd-sflow-sampled sfcapd "sFlow version 5, 1 packet in 10" 'plugins: sfprobe' \
    "sfprobe_receiver: $TARGET" "sfprobe_agentip: $EXPORTER" 'sampling_rate: 10'
}

# --- fprobe ----------------------------------------------------------------------------------------------------

# fprobe_fixture NAME SUMMARY VERSION: flows idle for a second expire; the rest goes out when it ends.
fprobe_fixture() {
  begin "$1" nfcapd
  exporter wx-rtr fprobe -i wan -f ip -q 10000 -n "$3" -x 7:9 -d 1 -e 10 -s 1 -l 2 $TARGET
  office_traffic 1
  sleep 4
  office_traffic 2
  sleep 4
  kill $exporter_pid
  wait $exporter_pid || true
  sleep 1
  cp "$work/exporter.log" "$work/statement"
  finish "$2"
}

fprobe-v1() { fprobe_fixture fprobe-v1 "NetFlow version 1" 1; }
fprobe-v5() { fprobe_fixture fprobe-v5 "NetFlow version 5" 5; }
fprobe-v7() { fprobe_fixture fprobe-v7 "NetFlow version 7" 7; }

# --- Open vSwitch ----------------------------------------------------------------------------------------------

configure() { ovs-vsctl --db="unix:$work/db.sock" --timeout=10 "$@"; }

# ovs_fixture HOSTS NAME SINK SUMMARY TABLE SETTING…: a bridge in user space (no kernel module) between router and
# internet, with one NetFlow, IPFIX or sFlow row. Flows idle for a second leave its cache and are exported; the rest
# goes out when the row is taken off the bridge. One round, from HOSTS ("all", or "one" of each family): its IPFIX is
# verbose.
ovs_fixture() {
  local hosts=$1 summary=$4 table=$5 column database
  shift
  column=$(tr '[:upper:]' '[:lower:]' <<<"$table")
  begin "$1" "$2" bridge
  shift 4
  export OVS_RUNDIR=$work OVS_DBDIR=$work OVS_LOGDIR=$work OVS_SYSCONFDIR=$work
  ovsdb-tool create "$work/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  ip netns exec wx-ovs ovsdb-server "$work/conf.db" --remote="punix:$work/db.sock" --unixctl="$work/db.ctl" \
    2>"$work/ovsdb.log" &
  database=$!
  sleep 0.5
  configure --no-wait init
  ip netns exec wx-ovs ovs-vswitchd "unix:$work/db.sock" --disable-system --unixctl="$work/switch.ctl" \
    2>"$work/switch.log" &
  exporter_pid=$!
  sleep 1
  configure set open_vswitch . other_config:max-idle=1000
  configure add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 inside -- add-port br0 outside
  echo "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 inside -- add-port br0 outside" \
    >>"$work/commands"
  configure -- --id=@x create "$table" "$@" -- set bridge br0 "$column=@x" >/dev/null
  echo "ovs-vsctl -- --id=@x create $table $* -- set bridge br0 $column=@x" >>"$work/commands"
  sleep 2.5
  office_zero
  office_traffic 1 "$hosts"
  sleep 5
  ovs-appctl -t "$work/switch.ctl" dpctl/show -s >"$work/statement"
  configure clear bridge br0 "$column"
  sleep 1
  kill $exporter_pid $database
  wait $exporter_pid $database 2>/dev/null || true
  finish "$summary"
}

ovs-v5() {
  ovs_fixture all ovs-v5 nfcapd "NetFlow version 5" NetFlow "targets=\"$TARGET\"" \
    active-timeout=60 engine_type=3 engine_id=9
}
ovs-v10() {
  ovs_fixture one ovs-v10 nfcapd "IPFIX, every packet" IPFIX "targets=\"$TARGET\"" \
    sampling=1 obs_domain_id=123 obs_point_id=456 cache_active_timeout=2 cache_max_flows=4096
}
ovs-v10-sampled() {
  ovs_fixture all ovs-v10-sampled nfcapd "IPFIX, 1 packet in 10" IPFIX "targets=\"$TARGET\"" \
    sampling=10 obs_domain_id=123 obs_point_id=456 cache_active_timeout=2 cache_max_flows=4096
}
ovs-sflow() {
  ovs_fixture all ovs-sflow sfcapd "sFlow version 5, 1 packet in 10, counters every 2 s" sFlow "targets=\"$TARGET\"" \
    agent=exp sampling=10 header=128 polling=2
}

FIXTURES="softflowd-v1 softflowd-v5 softflowd-v9 softflowd-v10 softflowd-v10-biflow
  softflowd-v10-ether softflowd-v10-micro softflowd-v10-nano softflowd-v5-sampled softflowd-v9-sampled
  softflowd-v10-sampled softflowd-v5-restart softflowd-v9-restart softflowd-v9-over-ipv6
  pmacctd-v5 pmacctd-v9 pmacctd-v10 pmacctd-v9-sampled pmacctd-v10-sampled pmacctd-sflow pmacctd-sflow-sampled
  fprobe-v1 fprobe-v5 fprobe-v7
  ovs-v5 ovs-v10 ovs-v10-sampled ovs-sflow"

case "${1:-all}" in
list) printf '%s\n' $FIXTURES ;;
all) for fixture in $FIXTURES; do $fixture; done ;;
*) for fixture; do $fixture; done ;;
esac
