"""Lets libpcap run filters.

Each line of the input is a JSON object: `program`, a list of instructions, each of its code, its two
jumps and its operand; `frame`, in hexadecimal, or null for a program that is not to be run. Each line
of the output is a pair: whether libpcap takes the program, and the bytes that it would keep.
"""

import ctypes
import ctypes.util
import json
import sys


class Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


def main():
    pcap = ctypes.CDLL(ctypes.util.find_library("pcap"))
    pcap.bpf_filter.restype = ctypes.c_uint
    for line in sys.stdin:
        request = json.loads(line)
        program = (Instruction * len(request["program"]))()
        for instruction, (code, jt, jf, k) in zip(program, request["program"]):
            instruction.code, instruction.jt, instruction.jf, instruction.k = code, jt, jf, k
        sound = bool(pcap.bpf_validate(program, len(program)))
        kept = 0
        if sound and request["frame"] is not None:
            frame = bytes.fromhex(request["frame"])
            kept = pcap.bpf_filter(program, frame, len(frame), len(frame))
        print(json.dumps([sound, kept]), flush=True)


main()
