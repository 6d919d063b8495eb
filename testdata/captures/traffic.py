"""The traffic of the office: fixed ports, fixed sizes, one exchange after another.

    traffic.py serve                          TCP 8080 (sends as many octets as asked), UDP 7 (echo)
    traffic.py talk ROUND SERVER HOST...      the exchanges, once from each HOST (an address of this machine)
    traffic.py push INTERFACE                 1,200 Ethernet frames that are no IP (see record.sh, softflowd)

Per host and round: three TCP downloads, a UDP exchange of six small datagrams, a UDP exchange whose datagrams
are fragmented, three ICMP echoes, and one UDP datagram to a closed port (answered by an ICMP error).
TCP source ports differ from round to round; the UDP ones stay, so that a flow is exported once per round.
"""

import os
import socket
import struct
import sys
import threading

TCP_PORT, UDP_PORT, CLOSED_PORT = 8080, 7, 9
DOWNLOADS = (1_000, 20_000, 45_000)


def serve():
    tcp = socket.create_server(("::", TCP_PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", UDP_PORT))
    threading.Thread(target=echo, args=(udp,), daemon=True).start()
    while True:
        connection, _ = tcp.accept()
        with connection:
            (size,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
            connection.sendall(bytes(size))


def echo(udp):
    while True:
        payload, peer = udp.recvfrom(65535)
        udp.sendto(payload, peer)


def download(family, server, host, port, size):
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
        tcp.connect((server, TCP_PORT))
        tcp.sendall(struct.pack("!I", size))
        received = 0
        while chunk := tcp.recv(65536):
            received += len(chunk)
        assert received == size, (received, size)


def exchange(family, server, host, port, payloads):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((host, port))
        udp.connect((server, UDP_PORT))
        udp.settimeout(5)
        for size in payloads:
            udp.send(bytes(size))
            assert len(udp.recv(65535)) == size


def knock(family, server, host, port):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((host, port))
        udp.connect((server, CLOSED_PORT))
        udp.settimeout(1)
        udp.send(bytes(40))
        try:
            udp.recv(64)
        except OSError:
            pass  # refused, as wanted


def ping(family, server, host, identifier, count):
    v6 = family == socket.AF_INET6
    kind, reply = (128, 129) if v6 else (8, 0)
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as raw:
        raw.bind((host, 0))
        raw.settimeout(5)
        for number in range(count):
            body = bytes(56)
            head = struct.pack("!BBHHH", kind, 0, 0, identifier, number)
            if not v6:  # for ICMPv6 the kernel fills the checksum in
                head = struct.pack("!BBHHH", kind, 0, internet_checksum(head + body), identifier, number)
            raw.sendto(head + body, (server, 0))
            while True:
                packet = raw.recv(2048)
                icmp = packet if v6 else packet[20:]
                if icmp[0] == reply and struct.unpack("!HH", icmp[4:8]) == (identifier, number):
                    break


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def talk(round_number, server, hosts):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    for host in hosts:
        for i, size in enumerate(DOWNLOADS):
            download(family, server, host, 40_000 + 100 * round_number + i, size)
        exchange(family, server, host, 50_001, [120] * 6)
        exchange(family, server, host, 50_002, [3_000] * 2)
        ping(family, server, host, 0x5EED, 3)
        knock(family, server, host, 50_003)


def push(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((interface, 0))
        local = link.getsockname()[4]
        frame = b"\xff" * 6 + local + struct.pack("!H", 0x88B5) + bytes(186)  # local experimental Ethernet type
        for _ in range(1_200):
            link.send(frame)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] == "push":
        push(sys.argv[2])
    else:
        talk(int(sys.argv[2]), sys.argv[3], sys.argv[4:])
    os._exit(0)
