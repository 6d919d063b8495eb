#!/usr/bin/env bash
# Runs one exporter as `weir exporter-config` printed it (the file `snippet` here), with weir listening and UDP datagrams
# to be seen. In namespaces of its own (exporter_config.rs makes them): whatever runs here ends with this script.
#
#   exporter_config.sh WEIR KIND DATAGRAMS PAYLOAD
#
# Ends with 77 and says MISSING … when a program is not there.
set -euo pipefail
weir=$1 kind=$2 datagrams=$3 payload=$4

need() { for program; do [ -n "$(type -P "$program")" ] || { echo "MISSING $program" >&2; exit 77; }; done; }
until_so() { # until_so WHAT COMMAND…: half a minute at most
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "waited for $what" >&2; exit 1; }
    sleep 0.1
  done
}
# Somebody has a packet socket that hears all protocols. Half a second later it has its filter, too: libpcap empties the
# socket when it sets one, and what came before would not be counted.
watching() { grep -q ' 0003 ' /proc/net/packet && sleep 0.5 && grep -q ' 0003 ' /proc/net/packet; }
PATH=$PATH:/usr/sbin:/sbin
need python3 ip

mount -t tmpfs tmpfs /run
mkdir -p /run/softflowd/chroot # what Debian makes at boot
ip link set lo up
"$weir" run -c weir.toml --listen 127.0.0.1:2055 2>run.log &
daemon=$!
until_so "weir to listen" grep -q "listening on udp" run.log

# send ADDRESS: the datagrams that are counted, and after them as many that only push the others out of the capture
# ring, which the kernel hands over block by block.
send() {
  python3 - "$1" "$datagrams" "$payload" <<'PYTHON'
import socket, sys, time
to, datagrams, payload = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if to == "127.0.0.1":
    sink.bind((to, 40002))
for port in (40001, 40003):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind(("", port))
    for i in range(datagrams):
        out.sendto(bytes(payload), (to, 40002))
        if i % 50 == 49:
            time.sleep(0.002)
PYTHON
}
stored() { "$weir" flows -c weir.toml 'src port 40001' -o ndjson 2>/dev/null | grep -q .; }

case $kind in
softflowd)
  need softflowd
  sh -e snippet
  until_so "softflowd to watch" watching
  send 127.0.0.1
  sleep 0.5
  kill "$(cat /run/weir-softflowd-lo.pid)"
  ;;
pmacctd)
  need pmacctd
  pmacctd -f snippet >pmacctd.log 2>&1 &
  exporter=$!
  until_so "pmacctd to watch" watching
  send 127.0.0.1
  sleep 0.5
  kill -INT $exporter
  wait $exporter || true # what it still has it sends before it ends
  ;;
fprobe)
  need fprobe
  sh -e snippet
  until_so "fprobe to watch" watching
  send 127.0.0.1
  sleep 0.5
  kill "$(pidof fprobe)"
  ;;
openvswitch)
  need ovs-vsctl ovsdb-server ovs-vswitchd ovsdb-tool
  mkdir -p /run/openvswitch
  ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
  ovsdb-server conf.db --remote=punix:/run/openvswitch/db.sock 2>ovsdb.log &
  until_so "the switch's database" [ -S /run/openvswitch/db.sock ]
  ovs-vsctl --no-wait init
  ovs-vswitchd --disable-system 2>switch.log &
  ovs-vsctl --timeout=20 -- add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 p0 -- set interface p0 type=internal
  ip link set p0 up
  ip link set br0 up multicast off
  ip addr add 10.99.0.1/24 dev br0
  ip neigh replace 10.99.0.2 lladdr 02:00:00:00:99:02 dev br0 nud permanent
  sh -e snippet
  sleep 1
  send 10.99.0.2
  sleep 0.5
  ovs-vsctl --timeout=20 clear bridge br0 ipfix
  ;;
esac
until_so "flows in the store" stored
sleep 0.5
kill -TERM $daemon
wait $daemon
