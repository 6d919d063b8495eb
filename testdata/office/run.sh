#!/usr/bin/env bash
# An office, a flow exporter and a collector, end to end, with the kernel as the judge.
#
#   run.sh PORT COLLECTOR [ARGUMENT…]
#
#   wo-t31 ── eth0 │ vlan31                    hosts 192.168.31.2 … .5 and 2001:db8:31::2
#                           wo-rtr  wan │ wo-net     a router that masquerades IPv4, and "the internet"
#   wo-t32 ── eth0 │ vlan32                    hosts 192.168.32.2 … .4 and 2001:db8:32::2
#
# Builds it in network namespaces, starts COLLECTOR in the router's (it is to receive on 127.0.0.1, UDP port PORT) and
# two softflowd there, one on vlan31 (ifIndex 31) and one on vlan32 (ifIndex 32), both exporting to that port. Makes
# traffic, has the flows exported, ends the collector with SIGTERM, takes everything down, and prints one JSON object
# on stdout (see summary.py): what the kernel counted per tenant and host, and what the exporters say they sent. What
# the collector prints goes to stderr.
#
# Exit: the collector's own, if that is not 0; 77 if something needed is missing (SKIPPED on stderr says what).
#
#   OFFICE_VERSION=9      what softflowd speaks: 1 5 9 10 (1 and 5 carry no IPv6)
#   OFFICE_LOCAL=1        adds a transfer between the tenants, which both exporters see
#   OFFICE_MEGABYTES=4    the size of the large transfers
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
port=${1:?usage: run.sh PORT COLLECTOR [ARGUMENT…]}
shift
: "${1:?usage: run.sh PORT COLLECTOR [ARGUMENT…]}"
version=${OFFICE_VERSION:-9}
megabytes=${OFFICE_MEGABYTES:-4}

skip() {
  echo "SKIPPED office: $1" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root, for network namespaces"
for program in ip nft ethtool softflowd softflowctl curl iperf3 python3 ss; do
  command -v $program >/dev/null || skip "needs $program"
done
ip netns add wo-rtr 2>/dev/null || skip "cannot make network namespaces, or one is left over (ip netns del wo-rtr)"

work=$(mktemp -d)
pids=()
clean_up() {
  local ns
  if [ ${#pids[@]} -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; fi
  for ns in wo-rtr wo-net wo-t31 wo-t32; do
    ip netns pids $ns 2>/dev/null | xargs -r kill 2>/dev/null || true
    ip netns del $ns 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT

# For what ends by itself; what runs in the background names `ip netns exec` itself, so that $! is its process.
within() { ip netns exec "$@"; }

# --- the office ------------------------------------------------------------------------------------------------

# cable NS-A IF-A MAC-A NS-B IF-B MAC-B: offloads off (what is counted is what is on the wire), no neighbour chatter.
cable() {
  local ns dev
  ip link add "$2" netns "$1" address "$3" type veth peer name "$5" netns "$4" address "$6"
  for end in "$1 $2" "$4 $5"; do
    read -r ns dev <<<"$end"
    within "$ns" sysctl -qw "net.ipv6.conf.$dev.accept_dad=0" "net.ipv6.conf.$dev.accept_ra=0" \
      "net.ipv6.conf.$dev.router_solicitations=0" "net.ipv6.conf.$dev.addr_gen_mode=1"
    within "$ns" ethtool -K "$dev" tso off gso off gro off tx off rx off >/dev/null 2>&1 || true
    ip -n "$ns" link set "$dev" multicast off
    ip -n "$ns" link set "$dev" up
  done
}

neighbour() { # NS DEV MAC ADDRESS…
  local ns=$1 dev=$2 mac=$3 address
  shift 3
  for address; do ip -n "$ns" neigh replace "$address" lladdr "$mac" dev "$dev" nud permanent; done
}

tenant() { # NUMBER LAST-HOST
  local n=$1 host ns=wo-t$1
  cable "$ns" eth0 "02:00:00:00:$n:02" wo-rtr "vlan$n" "02:00:00:00:$n:01"
  for host in $(seq 2 "$2"); do
    ip -n "$ns" addr add "192.168.$n.$host/24" dev eth0
    neighbour wo-rtr "vlan$n" "02:00:00:00:$n:02" "192.168.$n.$host"
  done
  ip -n "$ns" addr add "2001:db8:$n::2/64" dev eth0 nodad
  neighbour wo-rtr "vlan$n" "02:00:00:00:$n:02" "2001:db8:$n::2"
  ip -n wo-rtr addr add "192.168.$n.1/24" dev "vlan$n"
  ip -n wo-rtr addr add "2001:db8:$n::1/64" dev "vlan$n" nodad
  neighbour "$ns" eth0 "02:00:00:00:$n:01" "192.168.$n.1" "2001:db8:$n::1"
  ip -n "$ns" route add default via "192.168.$n.1"
  ip -n "$ns" -6 route add default via "2001:db8:$n::1"
}

build() {
  local ns
  for ns in wo-net wo-t31 wo-t32; do ip netns add $ns; done
  for ns in wo-rtr wo-net wo-t31 wo-t32; do ip -n $ns link set lo up; done
  cable wo-net wan0 02:00:00:00:00:02 wo-rtr wan 02:00:00:00:00:01
  ip -n wo-net addr add 198.51.100.1/24 dev wan0
  ip -n wo-net addr add 2001:db8:ffff::1/64 dev wan0 nodad
  ip -n wo-net -6 route add default via 2001:db8:ffff::2
  ip -n wo-rtr addr add 198.51.100.2/24 dev wan
  ip -n wo-rtr addr add 2001:db8:ffff::2/64 dev wan nodad
  neighbour wo-rtr wan 02:00:00:00:00:02 198.51.100.1 2001:db8:ffff::1
  neighbour wo-net wan0 02:00:00:00:00:01 198.51.100.2 2001:db8:ffff::2
  tenant 31 5
  tenant 32 4
  within wo-rtr sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  # Counted while forwarding: after the replies' addresses are the tenants' again, before masquerading hides them.
  # Connection tracking puts fragments together first, so none must be sent: the wire would differ.
  within wo-rtr nft -f - <<NFT
table inet office {
  set in4 { type ipv4_addr; size 64; flags dynamic; counter; }
  set out4 { type ipv4_addr; size 64; flags dynamic; counter; }
  set in6 { type ipv6_addr; size 64; flags dynamic; counter; }
  set out6 { type ipv6_addr; size 64; flags dynamic; counter; }
  set local_in4 { type ipv4_addr; size 64; flags dynamic; counter; }
  set local_out4 { type ipv4_addr; size 64; flags dynamic; counter; }
  counter datagrams { packets 0 bytes 0 }
  chain forwarded { type filter hook forward priority 0;
    iifname "wan" update @in4 { ip daddr }
    iifname "wan" update @in6 { ip6 daddr }
    oifname "wan" update @out4 { ip saddr }
    oifname "wan" update @out6 { ip6 saddr }
    iifname "vlan*" oifname "vlan*" update @local_in4 { ip daddr }
    iifname "vlan*" oifname "vlan*" update @local_out4 { ip saddr }
  }
  chain own { type filter hook output priority 0;
    oifname "lo" udp dport $port counter name datagrams
  }
}
table ip nat {
  chain leaving { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
NFT
}

# --- exporters and collector -----------------------------------------------------------------------------------

listening() { [ -n "$(within wo-rtr ss -Hlun "sport = :$port")" ]; }

start_collector() {
  ip netns exec wo-rtr "$@" >&2 &
  collector=$!
  pids+=("$collector")
  for _ in $(seq 100); do
    if listening; then return; fi
    kill -0 "$collector" 2>/dev/null || break
    sleep 0.1
  done
  echo "office: the collector does not listen on UDP port $port" >&2
  exit 1
}

start_exporter() { # NUMBER
  ip netns exec wo-rtr softflowd -d -B 33554432 -i "$1:vlan$1" -v "$version" -n "127.0.0.1:$port" \
    -p "$work/pid$1" -c "$work/control$1" 2>>"$work/softflowd.log" &
  pids+=($!)
}

# softflowd is handed packets only when a block of its capture ring is full (libpcap without a timeout): frames that
# are no IP fill it up, so that the last packets are in the flows when these are expired.
push() { # NUMBER
  within "wo-t$1" python3 -c '
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind(("eth0", 0))
    for _ in range(1200):
        link.send(b"\xff" * 6 + link.getsockname()[4] + b"\x88\xb5" + bytes(186))'
}

export_all() {
  local n
  for n in 31 32; do push $n; done
  sleep 0.5
  for n in 31 32; do softflowctl -c "$work/control$n" expire-all >/dev/null; done
  sleep 1
  for n in 31 32; do softflowctl -c "$work/control$n" statistics >"$work/statistics$n"; done
}

# --- traffic ---------------------------------------------------------------------------------------------------

# A web server that asks no name server for its own name (http.server's does, over the tenant's line).
serve='
import functools, http.server, socket, socketserver, sys
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    address_family = socket.AF_INET6
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
Server(("::", 8080), handler).serve_forever()'

get() { # NUMBER ADDRESS URL
  within "wo-t$1" curl -sS --max-time 60 --interface "$2" -o /dev/null "$3"
}

traffic() {
  local web=http://198.51.100.1:8080 web6='http://[2001:db8:ffff::1]:8080' servers i
  mkdir "$work/web"
  head -c $((megabytes * 1000000)) /dev/zero >"$work/web/big"
  head -c 70000 /dev/zero >"$work/web/small"
  ip netns exec wo-net python3 -c "$serve" "$work/web" >/dev/null 2>&1 &
  servers=($!)
  ip netns exec wo-net iperf3 -s -1 -B 198.51.100.1 >/dev/null 2>&1 &
  servers+=($!)
  if [ -n "${OFFICE_LOCAL:-}" ]; then
    ip netns exec wo-t32 python3 -c "$serve" "$work/web" >/dev/null 2>&1 &
    servers+=($!)
  fi
  pids+=("${servers[@]}")
  sleep 1.5
  for i in 2 3; do get 31 192.168.31.$i $web/big; done
  for i in $(seq 20); do get 31 192.168.31.$((4 + i % 2)) $web/small; done
  get 31 2001:db8:31::2 "$web6/big"
  get 32 192.168.32.2 $web/big
  for i in $(seq 10); do get 32 192.168.32.3 $web/small; done
  get 32 2001:db8:32::2 "$web6/small"
  within wo-t32 iperf3 -u -b 4M -t 2 -l 700 -c 198.51.100.1 -B 192.168.32.4 >/dev/null
  if [ -n "${OFFICE_LOCAL:-}" ]; then get 31 192.168.31.2 http://192.168.32.2:8080/big; fi
  sleep 0.5
  kill "${servers[@]}" 2>/dev/null || true
}

# --- the run ---------------------------------------------------------------------------------------------------

build
start_collector "$@"
sleep 2 # the kernel's multicast listener reports leave before the exporters look
start_exporter 31
start_exporter 32
sleep 1
traffic
export_all
within wo-rtr nft -j list table inet office >"$work/counters.json"
status=0
kill "$collector" && wait "$collector" || status=$?
if [ $status = 143 ]; then status=0; fi # ended by the signal itself: that is how some collectors end
python3 "$here/summary.py" "$work" "$version"
exit $status
