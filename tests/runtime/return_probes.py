# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Another tracer: return probes by perf_event_open(2), which heaptap has no part in."""
import ctypes
import os
import pathlib
import re
import struct

PERF_EVENT_OPEN = 298  # x86-64
UPROBE = pathlib.Path("/sys/bus/event_source/devices/uprobe")
# struct perf_event_attr: type, size, config, period, sample_type, read_format, flags, wakeup, bp_type,
# config1 (the path), config2 (the offset in the file), padded to PERF_ATTR_SIZE_VER5
ATTRIBUTES = struct.Struct("=IIQQQQQIIQQ48x")
IS_RETURN_PROBE = 1


def file_offset(test, path, function):
    """Where a function stands in an ELF file."""
    symbols = test.run(["nm", path]).stdout
    address = int(re.search(rf"^(\w+) [tT] {re.escape(function)}$", symbols, re.MULTILINE)[1], 16)
    for match in re.finditer(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", test.run(["readelf", "-lW", path]).stdout):
        offset, start, size = (int(number, 16) for number in match.groups())
        if start <= address < start + size:
            return address - start + offset
    raise ValueError(f"{function} is in no segment of {path}")


class ReturnProbes:
    """On functions of a file, in all processes, as long as the block lasts."""

    def __init__(self, test, path, functions):
        self.path = ctypes.create_string_buffer(os.fsencode(path))
        self.offsets = [file_offset(test, path, function) for function in functions]
        self.fds = []

    def __enter__(self):
        syscall = ctypes.CDLL(None, use_errno=True).syscall
        kind = int((UPROBE / "type").read_text())
        for offset in self.offsets:
            attributes = ATTRIBUTES.pack(kind, ATTRIBUTES.size, IS_RETURN_PROBE, 0, 0, 0, 0, 0, 0,
                                         ctypes.addressof(self.path), offset)
            for cpu in range(os.cpu_count()):
                fd = syscall(PERF_EVENT_OPEN, attributes, -1, cpu, -1, 0)
                if fd < 0:
                    raise OSError(ctypes.get_errno(), f"perf_event_open: {os.strerror(ctypes.get_errno())}")
                self.fds.append(fd)
        return self

    def counts(self):
        """Returns seen, of all functions and CPUs."""
        return sum(struct.unpack("=Q", os.read(fd, 8))[0] for fd in self.fds)

    def __exit__(self, *what):
        for fd in self.fds:
            os.close(fd)
