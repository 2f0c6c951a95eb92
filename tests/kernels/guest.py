#!/usr/bin/python3 -ISB
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The first process of an emulated machine: runs test_kernel.py by the runtime tests' harness, then
turns the machine off. Of the kernel's command line: HEAPTAP_ROOT, the source tree's path, and TESTS, texts
of the names of those that run, between commas."""
import ctypes
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
MOUNTS = {"proc": "/proc", "sysfs": "/sys", "devtmpfs": "/dev", "tracefs": "/sys/kernel/tracing",
          "bpf": "/sys/fs/bpf"}
POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF, reboot(2)


def mount_all():
    for kind, path in MOUNTS.items():
        if LIBC.mount(kind.encode(), path.encode(), kind.encode(), 0, None):
            print(f"mount {kind}: {os.strerror(ctypes.get_errno())}")


def run_tests():
    """In a process of its own: the first one of a machine has rules of its own for signals."""
    import harness
    import pathlib
    # an emulated processor is twenty times slower, and has what else this machine does besides it
    harness.TEST_SECONDS, harness.UNTIL_SECONDS = 300, 200
    harness.HERE = pathlib.Path(os.environ["HEAPTAP_ROOT"], "tests/kernels")
    os._exit(harness.main(os.environ.get("TESTS", "").split(",")))


def main():
    mount_all()
    for name in ("tests/runtime", "tests/kernels"):
        sys.path.insert(0, os.path.join(os.environ["HEAPTAP_ROOT"], name))
    pid = os.fork()
    if not pid:
        run_tests()
    while os.wait()[0] != pid:
        pass
    LIBC.reboot(POWER_OFF)


if __name__ == "__main__":
    main()
