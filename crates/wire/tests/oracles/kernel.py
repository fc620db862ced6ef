"""Lets the Linux kernel cut frames, in a network namespace that nothing else is in.

Each line of the input is a JSON object: `frame`, in hexadecimal, with the sum over the pseudo-header
in its checksum field; `kind`, one of `tcp4`, `tcp6` and `udp`; `ecn`, whether it may carry CWR;
`size`, the payload of each segment; `header`, bytes of headers; `start` and `field`, where the checksum
starts and stands. Each line of the output is the list of frames that the kernel sent for it.

The frame goes to a device that can do nothing for it, through a packet socket that takes segmentation
with the frame (PACKET_VNET_HDR); another socket sees what the device is given in the end.
"""

import json
import socket
import struct
import subprocess
import sys

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_OUTGOING = 4
NEEDS_CHECKSUM = 1
KINDS = {"tcp4": 1, "tcp6": 4, "udp": 5}
ECN = 0x80
# An EtherType for experiments: the frame that says that all before it are through.
SENTINEL = bytes(12) + b"\x88\xb5" + bytes(46)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def open_socket(vnet_header):
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    if vnet_header:
        opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    else:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.bind(("near", 0))
    opened.settimeout(20)
    return opened


def vnet_header(request):
    kind = KINDS[request["kind"]] | (ECN if request["ecn"] else 0)
    return struct.pack(
        "=BBHHHH",
        NEEDS_CHECKSUM,
        kind,
        request["header"],
        request["size"],
        request["start"],
        request["field"],
    )


def main():
    run("ip", "link", "add", "near", "mtu", "65535", "type", "veth", "peer", "name", "far")
    for device in ("near", "far"):
        run("ip", "link", "set", device, "addrgenmode", "none")
        run("ip", "link", "set", device, "up")
    for feature in ("tx", "tso", "sg", "txvlan", "tx-udp-segmentation"):
        run("ethtool", "-K", "near", feature, "off")
    sender, observer = open_socket(True), open_socket(False)
    for line in sys.stdin:
        request = json.loads(line)
        frame = bytes.fromhex(request["frame"])
        sender.send(vnet_header(request) + frame)
        sender.send(bytes(10) + SENTINEL)
        sent = []
        while True:
            seen, address = observer.recvfrom(1 << 17)
            if address[2] != PACKET_OUTGOING:
                continue
            if seen == SENTINEL:
                break
            if seen[:12] == frame[:12]:
                sent.append(seen.hex())
        print(json.dumps(sent), flush=True)


main()
