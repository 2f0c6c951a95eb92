# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An emulated machine that runs test_kernel.py: what is in it, and what it says."""
import json
import os
import pathlib
import subprocess
import sys

from initramfs import Initramfs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNTIME = ROOT / "tests/runtime"
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
PROGRAMS = ("leak", "threads", "trap_fork", "trap_realloc_failing", "puppet", "seccomped", "maps", "pool",
            "spied", "numbered", "sections", "section_calls", "wrong_free", "wrong_delete", "stacks_cxx",
            "stacks_threads", "stacks_signal", "libbacktrace.so", "libcount.so", "contained", "churn")
SYSTEM_PROGRAMS = ("/usr/bin/python3", "/bin/sh", "/usr/bin/env")
# Where the guest's first process mounts something, and where tests leave files.
DIRECTORIES = ("/dev", "/proc", "/sys", "/tmp")
QEMU = "qemu-system-x86_64"
SECONDS = 1200

# Prints the files of all modules that the tests import.
LIST_MODULES = f"""
import json, sys
sys.path[:0] = {[str(HERE), str(RUNTIME)]}
import guest, harness, test_kernel
modules = list(sys.modules.values())
print(json.dumps([path for module in modules for path in
                  (getattr(module, "__file__", None), getattr(module, "__cached__", None)) if path]))
"""


def python_modules():
    told = subprocess.run(["/usr/bin/python3", "-ISB", "-c", LIST_MODULES], capture_output=True, text=True,
                          check=True)
    return [path for path in json.loads(told.stdout) if os.path.exists(path)]


def save_initramfs(path):
    initramfs = Initramfs()
    for program in (*SYSTEM_PROGRAMS, BUILD / "heaptap", *(BUILD / "programs" / name for name in PROGRAMS)):
        initramfs.add_program(str(program))
    for module in python_modules():
        initramfs.add_program(module)
    for directory in DIRECTORIES:
        initramfs.directory(directory)
    initramfs.add("/etc/ld.so.cache")
    initramfs.add_file("/init", HERE / "guest.py")
    initramfs.save(path)


def boot(vmlinuz, initramfs):
    """Runs the machine to its end; gives what it said on its console, and None or what went wrong."""
    settings = {"HEAPTAP_ROOT": ROOT, "BUILD": BUILD, "CI": os.environ.get("CI", "false"),
                "TESTS": os.environ.get("TESTS", "").replace(" ", ",")}
    # what the kernel does not know becomes the first process's environment
    append = ("console=ttyS0 quiet oops=panic panic=-1 init=/init " +
              " ".join(f"{key}={value}" for key, value in settings.items()))
    # one thread for both processors: before QEMU 8.1 a processor could run code that the other had just patched
    # (accel/tcg: deba78709ae8), and rarely a kernel died of an int3 while it booted
    command = [QEMU, "-M", "q35", "-cpu", "max", "-accel", "tcg,thread=single", "-m", "1G", "-smp", "2", "-nic", "none",
               "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", initramfs, "-append", append]
    try:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        return readable(late.stdout or b""), f"not done after {SECONDS} s"
    status = finished.returncode
    return readable(finished.stdout), f"{QEMU} ended with {status}" if status else None


def readable(console):
    """What was printed after the firmware's last clearing of the screen."""
    return console.decode(errors="replace").replace("\r", "").rpartition("\x1b[2J")[2]
