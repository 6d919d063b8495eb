# A small office in network namespaces, sourced by record.sh. Needs root, iproute2, nftables, ethtool, python3.
#
#   wx-lan ── eth0 │ lan  wx-rtr  wan │ wan0 ── wx-net          three hosts, a router, "the internet"
#                         wx-rtr  exp │ col0 ── wx-col          where export datagrams go and are recorded
#
# An exporter in wx-rtr watches `wan`. Nothing else crosses that link: neighbours are fixed by hand (no ARP, no
# neighbour discovery), duplicate address detection and router discovery are off, offloads are off (a packet
# counted is a packet on the wire, with a valid checksum). What does cross it is counted by the router's own
# kernel: one nftables set per family and direction, one element per LAN host, whole IP packets (header included).

LAN4="10.31.0.2 10.31.0.3 10.32.0.2"
LAN6="2001:db8:31::2 2001:db8:31::3 2001:db8:32::2"
NET4=198.51.100.1
NET6=2001:db8:ffff::1
EXPORTER=203.0.113.1
COLLECTOR=203.0.113.2
COLLECTOR6=2001:db8:cc::2
NAMESPACES="wx-lan wx-rtr wx-net wx-col wx-ovs"

# For what ends by itself. What runs in the background and is killed names `ip netns exec` itself: the process
# id of a function in the background is that of a shell around it.
within() { ip netns exec "$@"; }

# cable NS-A IF-A MAC-A NS-B IF-B MAC-B: two interfaces and the wire between them, offloads off.
cable() {
  ip link add "$2" netns "$1" address "$3" type veth peer name "$5" netns "$4" address "$6"
  local ns dev
  for end in "$1 $2" "$4 $5"; do
    read -r ns dev <<<"$end"
    within "$ns" sysctl -qw "net.ipv6.conf.$dev.accept_dad=0" "net.ipv6.conf.$dev.accept_ra=0" \
      "net.ipv6.conf.$dev.router_solicitations=0" "net.ipv6.conf.$dev.addr_gen_mode=1"
    within "$ns" ethtool -K "$dev" tso off gso off gro off tx off rx off >/dev/null 2>&1 || true
    ip -n "$ns" link set "$dev" multicast off
    ip -n "$ns" link set "$dev" up
  done
}

# neighbour NS DEV MAC ADDRESS…: these addresses are behind this MAC, and nobody need ask.
neighbour() {
  local ns=$1 dev=$2 mac=$3 address
  shift 3
  for address; do ip -n "$ns" neigh replace "$address" lladdr "$mac" dev "$dev" nud permanent; done
}

# office_up [bridge]: with `bridge` the wire between router and internet goes through namespace wx-ovs, whose
# two ports the caller joins (Open vSwitch).
office_up() {
  local ns address
  office_down
  for ns in $NAMESPACES; do
    ip netns add "$ns"
    ip -n "$ns" link set lo up
  done
  cable wx-lan eth0 02:00:00:00:31:02 wx-rtr lan 02:00:00:00:31:01
  if [ "${1:-}" = bridge ]; then
    cable wx-rtr wan 02:00:00:00:00:01 wx-ovs inside 02:00:00:00:0b:01
    cable wx-ovs outside 02:00:00:00:0b:02 wx-net wan0 02:00:00:00:00:02
    cable wx-ovs exp 02:00:00:00:0c:01 wx-col col0 02:00:00:00:0c:02
    ip -n wx-ovs addr add $EXPORTER/24 dev exp
  else
    cable wx-rtr wan 02:00:00:00:00:01 wx-net wan0 02:00:00:00:00:02
    cable wx-rtr exp 02:00:00:00:0c:01 wx-col col0 02:00:00:00:0c:02
    ip -n wx-rtr addr add $EXPORTER/24 dev exp
  fi
  ip -n wx-col addr add $COLLECTOR/24 dev col0
  ip -n wx-rtr addr add 2001:db8:cc::1/64 dev exp nodad 2>/dev/null || true # no such interface beside a bridge
  ip -n wx-col addr add $COLLECTOR6/64 dev col0 nodad

  for address in $LAN4; do ip -n wx-lan addr add "$address/16" dev eth0; done
  for address in $LAN6; do ip -n wx-lan addr add "$address/48" dev eth0 nodad; done
  ip -n wx-rtr addr add 198.51.100.2/24 dev wan
  ip -n wx-rtr addr add 2001:db8:ffff::2/64 dev wan nodad
  ip -n wx-rtr addr add 10.31.0.1/16 dev lan
  ip -n wx-rtr addr add 2001:db8:31::1/48 dev lan nodad
  ip -n wx-net addr add $NET4/24 dev wan0
  ip -n wx-net addr add $NET6/64 dev wan0 nodad

  ip -n wx-lan route add default via 10.31.0.1
  ip -n wx-lan -6 route add default via 2001:db8:31::1
  ip -n wx-rtr route add 10.32.0.0/16 dev lan
  ip -n wx-rtr route add 2001:db8:32::/48 dev lan
  ip -n wx-net route add default via 198.51.100.2
  ip -n wx-net -6 route add default via 2001:db8:ffff::2
  # shellcheck disable=SC2086
  neighbour wx-rtr lan 02:00:00:00:31:02 $LAN4 $LAN6
  neighbour wx-lan eth0 02:00:00:00:31:01 10.31.0.1 2001:db8:31::1
  neighbour wx-rtr wan 02:00:00:00:00:02 $NET4 $NET6
  neighbour wx-net wan0 02:00:00:00:00:01 198.51.100.2 2001:db8:ffff::2
  within wx-rtr sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
    net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
  within wx-net sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
  within wx-rtr nft -f - <<'NFT'
table inet office {
  set in4  { type ipv4_addr; size 64; flags dynamic; counter; }
  set out4 { type ipv4_addr; size 64; flags dynamic; counter; }
  set in6  { type ipv6_addr; size 64; flags dynamic; counter; }
  set out6 { type ipv6_addr; size 64; flags dynamic; counter; }
  chain arriving { type filter hook prerouting priority -450;
    iifname "wan" update @in4 { ip daddr }
    iifname "wan" update @in6 { ip6 daddr }
  }
  chain leaving { type filter hook postrouting priority 450;
    oifname "wan" update @out4 { ip saddr }
    oifname "wan" update @out6 { ip6 saddr }
  }
}
NFT
}

# office_down: removes the namespaces, and ends what still runs in them (after an interruption).
office_down() {
  local ns
  for ns in $NAMESPACES; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null || true
    ip netns del "$ns" 2>/dev/null || true
  done
}

# The kernel's counters, per family, direction and host: what crossed `wan`. In is towards the LAN host.
office_counters() { within wx-rtr nft -j list table inet office; }

office_zero() {
  local set
  for set in in4 out4 in6 out6; do within wx-rtr nft flush set inet office $set; done
}

# office_traffic ROUND [one]: the same exchanges in every recording, from every host, or from one of each family.
# The round moves the TCP ports, and only those.
office_traffic() {
  local here server hosts4=$LAN4 hosts6=$LAN6
  here=$(dirname "${BASH_SOURCE[0]}")
  if [ "${2:-}" = one ]; then hosts4=${LAN4%% *} hosts6=${LAN6%% *}; fi
  ip netns exec wx-net python3 "$here/traffic.py" serve &
  server=$!
  sleep 0.5
  # shellcheck disable=SC2086
  within wx-lan python3 "$here/traffic.py" talk "$1" $NET4 $hosts4
  # shellcheck disable=SC2086
  within wx-lan python3 "$here/traffic.py" talk "$1" $NET6 $hosts6
  sleep 0.3
  kill $server
  wait $server 2>/dev/null || true
}

# office_push: frames on the wire of `wan` that are no IP, so that no exporter counts them in a flow.
office_push() { within wx-net python3 "$(dirname "${BASH_SOURCE[0]}")/traffic.py" push wan0; }
