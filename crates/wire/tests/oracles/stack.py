"""Lets the TCP/IP stack of Linux send, and looks at its frames before and after segmentation.

    sender ── near ══ port0 ── bridge ── port1 ══ far ── receiver

The sender's device takes large frames and leaves checksums; so does all else, but for port1, where
the kernel itself cuts each frame and completes it. The receiver, in a network namespace of its own,
has what arrives coalesced again.

Each line of the input is a JSON object: `version`, 4 or 6; `protocol`, `tcp` or `udp`; `sends`, bytes of
each write, and for UDP in pairs with the size of each datagram. Each line of the output has three
lists of frames: `before`, as the sender left them; `after`, as they left port1; `coalesced`, as the
receiver's stack got them. Each frame has its `bytes`, in hexadecimal, whether its checksum is left to
the device (`partial`), and the `size` of its segments, or 0.
"""

import json
import os
import socket
import struct
import subprocess
import sys

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_VNET_HDR = 15
PACKET_OUTGOING = 4
NEEDS_CHECKSUM = 1
UDP_SEGMENT = 103
ADDRESSES = {4: ("10.77.0.1", "10.77.0.2", 24), 6: ("fd77::1", "fd77::2", 64)}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
PORT = 7777
# An EtherType for experiments: the frame that says that all before it are through.
SENTINEL = b"\xff" * 6 + b"\x02" + bytes(5) + b"\x88\xb5" + bytes(46)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def configure(device, which):
    """Gives a device its addresses, which nobody asks the others about."""
    for address in ADDRESSES.values():
        extra = ("nodad",) if ":" in address[which] else ()
        run("ip", "address", "add", f"{address[which]}/{address[2]}", "dev", device, *extra)
    run("ip", "link", "set", device, "up")


class Observer:
    """Sees the frames of a device, in one direction, with what is left to the device."""

    def __init__(self, device, outgoing):
        self.outgoing = outgoing
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
        self.socket.bind((device, 0))
        self.socket.settimeout(20)

    def frames(self):
        """All frames up to the sentinel."""
        frames = []
        while True:
            seen, address = self.socket.recvfrom(1 << 17)
            flags, _, _, size = struct.unpack("=BBHH", seen[:6])
            if (address[2] == PACKET_OUTGOING) != self.outgoing:
                continue
            frame = seen[10:]
            if frame == SENTINEL:
                _, dropped = struct.unpack("=II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
                assert dropped == 0, "there was more to see than there was room for"
                return frames
            # What stacks tell all others, they tell at times of their own.
            if frame[0] & 1:
                continue
            partial = bool(flags & NEEDS_CHECKSUM)
            frames.append({"bytes": frame.hex(), "partial": partial, "size": size})


def read_all(server):
    connection, _ = server.accept()
    with connection:
        while connection.recv(1 << 16):
            pass


def receive():
    """The receiver: says when it is ready, then reads what comes, for each line of the input."""
    sys.stdin.readline()
    run("ethtool", "-K", "far", "gro", "on")
    configure("far", 1)
    observer = Observer("far", outgoing=False)
    servers = {}
    for version, (_, address, _) in ADDRESSES.items():
        servers[version, "tcp"] = socket.create_server((address, PORT), family=FAMILIES[version])
        servers[version, "udp"] = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        servers[version, "udp"].bind((address, PORT))
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        server = servers[request["version"], request["protocol"]]
        if request["protocol"] == "tcp":
            read_all(server)
        else:
            for _ in range(sum(-(-total // size) for total, size in request["sends"])):
                server.recv(1 << 16)
        print("read", flush=True)
        print(json.dumps(observer.frames()), flush=True)


def send(request):
    version = request["version"]
    to = (ADDRESSES[version][1], PORT)
    if request["protocol"] == "tcp":
        with socket.create_connection(to) as connection:
            for index, length in enumerate(request["sends"]):
                connection.sendall(bytes((index + at) % 251 for at in range(length)))
    else:
        with socket.socket(FAMILIES[version], socket.SOCK_DGRAM) as sender:
            for index, (length, size) in enumerate(request["sends"]):
                sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
                sender.sendto(bytes((index + at) % 251 for at in range(length)), to)


def main():
    # On one processor nothing overtakes.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    command = ["unshare", "--net", sys.executable, __file__, "receive"]
    receiver = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    run("ip", "link", "add", "near", "type", "veth", "peer", "name", "port0")
    run("ip", "link", "add", "port1", "type", "veth", "peer", "name", "far")
    run("ip", "link", "add", "bridge", "type", "bridge")
    for port in ("port0", "port1"):
        run("ip", "link", "set", port, "master", "bridge")
    for device in ("port0", "port1", "bridge"):
        run("ip", "link", "set", device, "addrgenmode", "none")
        run("ip", "link", "set", device, "up")
    for feature in ("tx", "tso", "sg", "tx-udp-segmentation"):
        run("ethtool", "-K", "port1", feature, "off")
    # unshare becomes the receiver: it is in its namespace once it asks.
    wait_for_namespace(receiver.pid)
    run("ip", "link", "set", "far", "netns", str(receiver.pid))
    receiver.stdin.write("go\n")
    configure("near", 0)
    assert receiver.stdout.readline() == "ready\n"
    before, after = Observer("near", outgoing=True), Observer("port1", outgoing=True)
    sentinel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sentinel.bind(("near", 0))
    for line in sys.stdin:
        request = json.loads(line)
        receiver.stdin.write(line)
        send(request)
        assert receiver.stdout.readline() == "read\n"
        sentinel.send(SENTINEL)
        answer = {"before": before.frames(), "after": after.frames()}
        answer["coalesced"] = json.loads(receiver.stdout.readline())
        print(json.dumps(answer), flush=True)


def wait_for_namespace(pid):
    own = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{pid}/ns/net") == own:
        os.sched_yield()


if sys.argv[1:] == ["receive"]:
    receive()
else:
    main()
