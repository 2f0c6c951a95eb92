# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Many processes of many different programs, which wait for their standard input."""
import contextlib
import shutil
import subprocess
import time
from pathlib import Path

PROGRAMS = [[shutil.which(word), *words] for word, *words in (
    ("cat",), ("tee", "/dev/null"), ("sort",), ("uniq",), ("wc",), ("head", "-n99"), ("tail",), ("sed", "p"),
    ("awk", "{s = s $0}"), ("perl", "-ne", "$h{$.} = $_"), ("/usr/bin/python3", "-I", "-i", "-q"),
    ("sqlite3", ":memory:"), ("bash",), ("sh",), ("gdb", "-q"), ("tr", "a", "b"), ("cut", "-c1"), ("od",),
    ("md5sum",), ("sha256sum",), ("base64",), ("grep", "x"), ("xargs", "true"), ("dd", "of=/dev/null"),
    ("nl",), ("fold",), ("paste",), ("tac",), ("gzip",), ("bzip2",), ("xz",), ("openssl", "sha256"), ("m4",),
    ("jq", "."), ("expand",), ("rev",),
) if shutil.which(word)]
BUSY_TICKS = 2  # of 10 ms, of all of them in a tenth of a second: they are all waiting


def ticks(processes):
    """Processor time used by all."""
    fields = [Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split() for process in processes]
    return sum(int(words[11]) + int(words[12]) for words in fields)


@contextlib.contextmanager
def many_processes(place, cnt, user):
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(PROGRAMS[i % len(PROGRAMS)], **quiet, user=user.pw_uid, cwd="/") for i in range(cnt)]
    place.started += processes
    before = -BUSY_TICKS
    while ticks(processes) - before > BUSY_TICKS:
        before = ticks(processes)
        time.sleep(0.1)
    yield processes
    for process in processes:
        process.kill()
        process.stdin.close()
        process.wait()
