"""Lets scapy build frames anew.

Each line of the input is a JSON object: `frame`, in hexadecimal, and `fields`, which of `ipv4`, `tcp`,
`udp` and `lengths` scapy is to find out by itself: checksums, and all lengths. Each line of the output
is a list of one frame.
"""

import json
import logging
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

FIELDS = {
    "ipv4": [(IP, "chksum")],
    "tcp": [(TCP, "chksum")],
    "udp": [(UDP, "chksum")],
    "lengths": [(IP, "len"), (IPv6, "plen"), (UDP, "len")],
}

# What is in a payload is of no interest, whatever port it is for.
TCP.payload_guess = UDP.payload_guess = []


def main():
    for line in sys.stdin:
        request = json.loads(line)
        packet = Ether(bytes.fromhex(request["frame"]))
        for name in request["fields"]:
            for layer, field in FIELDS[name]:
                if layer in packet:
                    packet[layer].delfieldval(field)
        print(json.dumps([bytes(packet).hex()]), flush=True)


main()
