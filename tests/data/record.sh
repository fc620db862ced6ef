#!/bin/bash
# Records mixed.pcap and large-segments.pcap:  tests/data/record.sh [OUT_DIR]
#
# Needs root. All traffic stays between two network namespaces that this
# script makes and removes; neither has a way out. It ends only the processes
# it started, by their pid, and installs nothing.
set -euo pipefail
export LC_ALL=C
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

out=$(realpath -m "${1:-$(dirname "$0")}")

die() { echo "record.sh: $*" >&2; exit 1; }

missing=
need() { command -v "$1" >/dev/null || case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac; }
PATH=$PATH:/usr/sbin:/sbin
need ip iproute2; need ethtool ethtool; need dumpcap tshark; need tshark tshark
need ping iputils-ping; need arping iputils-arping; need curl curl; need socat socat
need dig bind9-dnsutils; need python3 python3
[ -z "$missing" ] || die "missing; install the Debian packages:$missing"
[ "$(id -u)" = 0 ] || die "must run as root (network namespaces, packet sockets)"

a=framecast-$$-a
b=framecast-$$-b
tmp=$(mktemp -d)
pids=()

cleanup() {
    trap - EXIT INT TERM
    for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || true; done
    for p in ${pids[@]+"${pids[@]}"}; do wait "$p" 2>/dev/null || true; done
    ip netns del "$a" 2>/dev/null || true
    ip netns del "$b" 2>/dev/null || true
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

A() { ip netns exec "$a" "$@"; }
B() { ip netns exec "$b" "$@"; }
# Starts a program in the background; `ip netns exec` becomes it, so $! is its pid.
start_in() { local ns=$1; shift; ip netns exec "$ns" "$@" >>"$tmp/log" 2>&1 & pids+=($!); }

# Two namespaces with one veth cable between them: va in a, vb in b.
cable_up() {
    local ns
    for ns in "$a" "$b"; do
        ip netns add "$ns" 2>"$tmp/err" || die "this kernel does not let us make network namespaces: $(cat "$tmp/err")"
        ip -n "$ns" link set lo up
    done
    ip -n "$a" link add name va address 02:00:00:00:00:0a type veth \
        peer name vb address 02:00:00:00:00:0b netns "$b" 2>"$tmp/err" ||
        die "this kernel does not let us make veth pairs: $(cat "$tmp/err")"
}

cable_down() {
    for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || true; done
    for p in ${pids[@]+"${pids[@]}"}; do wait "$p" 2>/dev/null || true; done
    pids=()
    ip netns del "$a"
    ip netns del "$b"
}

capture_start() {
    : >"$tmp/dumpcap"
    ip netns exec "$a" dumpcap -P -i va -B 64 -w "$1" >"$tmp/dumpcap" 2>&1 &
    cap=$!
    pids+=("$cap")
    for _ in $(seq 100); do
        grep -q '^File:' "$tmp/dumpcap" && return
        sleep 0.1
    done
    die "dumpcap did not start: $(cat "$tmp/dumpcap")"
}

capture_stop() {
    sleep 1.5
    kill -INT "$cap"
    wait "$cap" || die "dumpcap failed: $(cat "$tmp/dumpcap")"
    local p keep=()
    for p in "${pids[@]}"; do [ "$p" = "$cap" ] || keep+=("$p"); done
    pids=(${keep[@]+"${keep[@]}"})
    grep -q "on interface 'va': [0-9]*/0 (pcap:0/dumpcap:0/" "$tmp/dumpcap" || die "frames were lost: $(cat "$tmp/dumpcap")"
}

# Waits until a TCP port answers.
await_tcp() {
    for _ in $(seq 100); do
        B python3 -c 'import socket,sys; socket.create_connection(("::1",int(sys.argv[1])),1)' "$1" 2>/dev/null && return
        sleep 0.1
    done
    die "no server on port $1: $(cat "$tmp/log")"
}

await_up() { # namespace, interface: no address still under duplicate detection
    for _ in $(seq 100); do
        [ -n "$(ip -n "$1" -6 addr show dev "$2" scope link)" ] &&
            [ -z "$(ip -n "$1" -6 addr show dev "$2" tentative)" ] && return
        sleep 0.1
    done
    die "$2 did not come up"
}

mkdir "$tmp/www"
for n in 1 200 5000 60000 120000 600000; do
    head -c "$n" /dev/urandom >"$tmp/www/$n"
done

cat >"$tmp/dns.py" <<'PY'
"""Answers every DNS question: A, AAAA, and TXT of a length the name gives."""
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 53))
while True:
    q, who = s.recvfrom(4096)
    end = q.index(0, 12) + 1
    kind, = struct.unpack_from("!H", q, end)
    if kind == 1:
        data = bytes([192, 0, 2, 80])
    elif kind == 28:
        data = socket.inet_pton(socket.AF_INET6, "2001:db8::80")
    else:
        n = int(q[13:13 + q[12]].decode().strip("t") or 0)
        data = b"".join(bytes([min(255, n - i)]) + b"x" * min(255, n - i) for i in range(0, n, 255))
    answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
    s.sendto(q[:2] + b"\x85\x00" + struct.pack("!4H", 1, 1, 0, 0) + q[12:end + 4] + answer, who)
PY

cat >"$tmp/echo.py" <<'PY'
"""UDP: `echo.py serve`, or `echo.py ADDRESS SIZE...` to send and await the echo."""
import os, socket, sys
if sys.argv[1] == "serve":
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", 7))
    while True:
        s.sendto(*s.recvfrom(65536))
family, _, _, _, to = socket.getaddrinfo(sys.argv[1], 7, type=socket.SOCK_DGRAM)[0]
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(5)
for size in map(int, sys.argv[2:]):
    data = os.urandom(size)
    s.sendto(data, to)
    assert s.recv(65536) == data
PY

cat >"$tmp/multicast.py" <<'PY'
"""Joins a group over IPv4 and IPv6 (IGMP, MLD), sends to it, to broadcast, and leaves."""
import os, socket, struct, time
i = socket.if_nametoindex("va")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mreq = struct.pack("=4s4si", socket.inet_aton("233.252.0.1"), b"\0" * 4, i)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreq)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreq)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
t.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, i)
t.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff05::db8:1") + struct.pack("=i", i))
for size in (0, 1, 30, 400, 1400):
    s.sendto(os.urandom(size), ("233.252.0.1", 5000))
    s.sendto(os.urandom(size), ("192.0.2.255", 5000))
    t.sendto(os.urandom(size), ("ff05::db8:1", 5000))
time.sleep(1)
PY

cat >"$tmp/raw.py" <<'PY'
"""Frames that no ordinary program sends: the shortest ones, padding, other tags."""
import os, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("va", 0))
me, peer, all_ = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b"), b"\xff" * 6
group = bytes.fromhex("0300000000fc")
test = b"\x88\xb5"                                   # IEEE local experimental EtherType
for to in (peer, all_, group):
    for size in (14, 15, 16, 17, 18, 20, 33, 34, 41, 46, 59, 60, 61, 64, 1513, 1514):
        s.send(to + me + test + os.urandom(size - 14))
arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, me, bytes([192, 0, 2, 1]), b"\0" * 6, bytes([192, 0, 2, 2]))
s.send(all_ + me + b"\x08\x06" + arp + bytes(18))    # padded to 60 as on a wire; the peer answers
for size in (8, 38, 46):                             # 802.3 length field, LLC/SNAP
    s.send((peer + me + struct.pack("!H", size) + b"\xaa\xaa\x03\0\0\0" + test + os.urandom(size - 8)).ljust(60, b"\0"))
for tci in (0x0000, 0xA000, 0x0064, 0xE064, 0x1064, 0x0FFE):  # priority tag, PCP, DEI, last id
    tag = b"\x81\x00" + struct.pack("!H", tci)
    for size in (18, 19, 60, 64, 1518):
        s.send(peer + me + tag + test + os.urandom(size - 18))
for size in (22, 68, 1514):                          # 802.1ad outer tag, 802.1Q inner tag
    s.send(peer + me + b"\x88\xa8\x00\x0a\x81\x00\x00\x64" + test + os.urandom(size - 22))
PY

cat >"$tmp/vlan.py" <<'PY'
"""A VLAN sub-interface for kernels without 802.1Q: vlan.py PARENT NAME ID.

Makes the TAP interface NAME; what the stack sends there goes out on PARENT
with the tag, and what comes in on PARENT with the tag goes to NAME without it.
"""
import fcntl, os, select, socket, struct, sys
parent, name, vid = sys.argv[1], sys.argv[2], int(sys.argv[3])
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH", name.encode(), 0x1002))  # TUNSETIFF, TAP | NO_PI
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((parent, 3))
s.setsockopt(263, 8, 1)                                                   # SOL_PACKET, PACKET_AUXDATA
while True:
    for f in select.select([tap, s], [], [])[0]:
        if f == tap:
            frame = os.read(tap, 65536)
            s.send(frame[:12] + struct.pack("!HH", 0x8100, vid) + frame[12:])
            continue
        frame, extra, _, who = s.recvmsg(65536, 256)
        if who[2] == socket.PACKET_OUTGOING:
            continue
        # The kernel takes the tag out of the frame and hands it over beside it.
        for level, kind, data in extra:
            if (level, kind) == (263, 8):
                status, tci, tpid = struct.unpack_from("=I12xHH", data)
                if status & 0x10 and tci & 0xFFF == vid and (not status & 0x40 or tpid == 0x8100):
                    try:
                        os.write(tap, frame)
                    except OSError:
                        pass                                              # NAME is not up
PY

cat >"$tmp/udp-gso.py" <<'PY'
"""UDP with generic segmentation offload: one send, many datagrams."""
import socket, sys
family, _, _, _, to = socket.getaddrinfo(sys.argv[1], 5001, type=socket.SOCK_DGRAM)[0]
s = socket.socket(family, socket.SOCK_DGRAM)
for segment, total in ((1200, 12000), (1400, 28000), (1400, 28700), (1000, 50500), (1400, 61600)):
    s.setsockopt(socket.IPPROTO_UDP, 103, segment)                        # UDP_SEGMENT
    s.sendto(bytes(i % 251 for i in range(total)), to)
PY

vlan() { # namespace, parent, name, MAC address
    if ip -n "$1" link add link "$2" name "$3" type vlan id 100 2>/dev/null; then
        vlan_by="the kernel's 802.1Q"
        return
    fi
    vlan_by="the user-space 802.1Q relay"
    start_in "$1" python3 "$tmp/vlan.py" "$2" "$3" 100
    for _ in $(seq 100); do
        ip -n "$1" link set dev "$3" address "$4" 2>/dev/null && return
        sleep 0.1
    done
    die "no VLAN interface: the kernel has neither 802.1Q nor TAP: $(cat "$tmp/log")"
}

servers() {
    start_in "$b" python3 -m http.server --bind :: --directory "$tmp/www" 80
    start_in "$b" socat -u TCP6-LISTEN:9,fork,reuseaddr,ipv6only=0 OPEN:/dev/null
    start_in "$b" python3 "$tmp/echo.py" serve
    start_in "$b" python3 "$tmp/dns.py"
    await_tcp 80
    await_tcp 9
}

get() { A curl -sSg --noproxy '*' --max-time 20 -o "$tmp/got" "http://$1/$2"; cmp -s "$tmp/got" "$tmp/www/$2" || die "transfer of $2 from $1 was damaged"; }
put() { A socat -u "OPEN:$tmp/www/$2" "TCP:$1:9"; }

# ---- mixed.pcap: offloads off, as on a wire -------------------------------
cable_up
for end in "$a va" "$b vb"; do
    set -- $end
    ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off rxvlan off txvlan off >/dev/null
done
B sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'
# A bridge on the far end, so that there are spanning-tree frames too.
far=vb
if ip -n "$b" link add name br address 02:00:00:00:00:0b type bridge 2>/dev/null; then
    ip -n "$b" link set dev vb master br
    far=br
fi
# Not up before the capture runs: the first frames of an interface belong in it.
ip -n "$a" link set dev va up
capture_start "$tmp/mixed.pcap"
ip -n "$b" link set dev vb up
ip -n "$b" link set dev "$far" up
vlan "$a" va va.100 02:00:00:00:00:0a
vlan "$b" vb vb.100 02:00:00:00:00:0b
for end in "$a va 1" "$b $far 2"; do
    set -- $end
    ip -n "$1" addr add "192.0.2.$3/24" brd + dev "$2"
    ip -n "$1" addr add "2001:db8::$3/64" dev "$2"
done
for end in "$a va.100 1" "$b vb.100 2"; do
    set -- $end
    ip -n "$1" link set dev "$2" up
    ip -n "$1" addr add "198.51.100.$3/24" brd + dev "$2"
    ip -n "$1" addr add "2001:db8:100::$3/64" dev "$2"
done
await_up "$a" va; await_up "$b" "$far"; await_up "$a" va.100; await_up "$b" vb.100
servers

A arping -q -c 2 -U -I va 192.0.2.1
A arping -q -c 2 -I va 192.0.2.2
for n in 0 1 8 18 40 56 100 200 350 512 700 900 1100 1300 1400 1471 1472 1473 3000 8000; do
    A ping -q -n -c 1 -W 2 -s "$n" 192.0.2.2 >/dev/null
done
for n in 0 1 8 32 56 120 250 400 600 850 1000 1200 1350 1451 1452 1453 4000; do
    A ping -q -n -6 -c 1 -W 2 -s "$n" 2001:db8::2 >/dev/null
done
A ping -q -n -b -c 2 -i 0.2 192.0.2.255 >/dev/null 2>&1 || true
A ping -q -n -c 2 -i 0.2 -I va 224.0.0.1 >/dev/null 2>&1 || true
A ping -q -n -6 -c 2 -i 0.2 ff02::1%va >/dev/null 2>&1 || true
for n in 1 200 5000 60000; do
    get 192.0.2.2 "$n"
    get '[2001:db8::2]' "$n"
done
put 192.0.2.2 60000
put '[2001:db8::2]' 60000
A curl -sS --noproxy '*' http://192.0.2.2:81/ >/dev/null 2>&1 || true        # refused: RST
A sh -c 'echo closed | socat -u - UDP:192.0.2.2:82; echo closed | socat -u - "UDP:[2001:db8::2]:82"' || true  # unreachable
for server in 192.0.2.2 2001:db8::2; do
    for kind in A AAAA; do
        A dig +short +tries=1 "@$server" framecast.example "$kind" >/dev/null
        A dig +short +tries=1 +noedns "@$server" x.example "$kind" >/dev/null
    done
    for n in 20 300 900 1200; do
        A dig +short +tries=1 +ignore +notcp "@$server" "t$n.example" TXT >/dev/null
    done
    # shellcheck disable=SC2046
    A python3 "$tmp/echo.py" "$server" 0 1 2 $(seq 7 61 1450) 1452 $([ "$server" = 192.0.2.2 ] && echo 1472) 5000
done
A python3 "$tmp/multicast.py"
A python3 "$tmp/raw.py"

for n in 0 18 56 400 1000 1472 1473 4000; do
    A ping -q -n -c 1 -W 2 -s "$n" 198.51.100.2 >/dev/null
done
for n in 0 56 500 1452 1453 3000; do
    A ping -q -n -6 -c 1 -W 2 -s "$n" 2001:db8:100::2 >/dev/null
done
for n in 200 5000 60000; do
    get 198.51.100.2 "$n"
    get '[2001:db8:100::2]' "$n"
done
put 198.51.100.2 5000
A dig +short +tries=1 @198.51.100.2 framecast.example A >/dev/null
A dig +short +tries=1 @2001:db8:100::2 framecast.example AAAA >/dev/null
A python3 "$tmp/echo.py" 198.51.100.2 0 1 100 700 1472
A python3 "$tmp/echo.py" 2001:db8:100::2 0 1 100 700 1452
if [ "$far" = br ]; then
    ip -n "$b" link set dev br type bridge stp_state 1
    sleep 5
fi
capture_stop
cable_down

# ---- large-segments.pcap: the stack's own offloads ------------------------
cable_up
for end in "$a va 1" "$b vb 2"; do
    set -- $end
    ip netns exec "$1" ethtool -K "$2" tx on rx on tso on gso on gro on >/dev/null
    ip -n "$1" addr add "192.0.2.$3/24" brd + dev "$2"
    ip -n "$1" addr add "2001:db8::$3/64" dev "$2" nodad
done
ip -n "$a" link set dev va up
capture_start "$tmp/large-segments.pcap"
ip -n "$b" link set dev vb up
await_up "$a" va; await_up "$b" vb
servers
start_in "$b" socat -u UDP6-RECV:5001,ipv6only=0 OPEN:/dev/null
for to in 192.0.2.2 '[2001:db8::2]'; do
    for n in 200 5000 120000 600000; do get "$to" "$n"; done
    put "$to" 120000
done
A python3 "$tmp/udp-gso.py" 192.0.2.2
A python3 "$tmp/udp-gso.py" 2001:db8::2
capture_stop
cable_down

# ---- check before handing over --------------------------------------------
count() { tshark -r "$tmp/$1.pcap" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -Y "$2" 2>/dev/null | wc -l; }
bad='ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || igmp.checksum.status == 0'
[ "$(count mixed "$bad")" = 0 ] || die "mixed.pcap has bad checksums"
[ "$(count mixed 'frame.len > 1518 || (frame.len > 1514 && !vlan && !ieee8021ad)')" = 0 ] || die "mixed.pcap has frames above the MTU"
[ "$(count mixed 'frame.cap_len < frame.len')" = 0 ] || die "mixed.pcap has cut frames"
for want in arp icmp icmpv6.type==135 'tcp && ip' 'tcp && ipv6' 'udp && ip' 'udp && ipv6' \
    'vlan.id == 100 && tcp && ip' 'vlan.id == 100 && tcp && ipv6' 'eth.dst == ff:ff:ff:ff:ff:ff' 'frame.len == 14'; do
    [ "$(count mixed "$want")" -gt 0 ] || die "mixed.pcap has no frames for: $want"
done
for want in 'tcp && ip && frame.len > 1514' 'tcp && ipv6 && frame.len > 1514'; do
    [ "$(count large-segments "$want")" -gt 0 ] || die "large-segments.pcap has no frames for: $want"
done
[ "$(count large-segments 'frame.cap_len < frame.len')" = 0 ] || die "large-segments.pcap has cut frames"
[ "$(stat -c %s "$tmp/mixed.pcap")" -lt 1500000 ] || die "mixed.pcap is too big"
[ "$(stat -c %s "$tmp/large-segments.pcap")" -lt 2500000 ] || die "large-segments.pcap is too big"

mkdir -p "$out"
install -m 644 "$tmp/mixed.pcap" "$tmp/large-segments.pcap" "$out/"
echo "VLAN 100 by $vlan_by"
for f in mixed large-segments; do
    echo "$out/$f.pcap: $(count "$f" frame) frames, $(stat -c %s "$out/$f.pcap") bytes"
done
