# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truths that are independent of heaptap: libcount.so's books, and valgrind's heap summary."""
import mmap
import os
import re
import struct

import heaptap

# struct count_file and struct slot of tests/programs/libcount.c
HEADER_SZ, SLOT_SZ, SLOT_CNT = 128, 128, 8191
SLOT = struct.Struct("=Q16s10Q")
SLOT_FIELDS = ("pid", "comm", "allocs", "frees", "bytes_allocated", "outstanding_blocks",
               "outstanding_bytes", "peak_outstanding_bytes", "failed_allocs", "unmatched_frees", "early",
               "forked")
TOTALS = ("allocs", "frees", "bytes_allocated", "outstanding_blocks", "outstanding_bytes",
          "failed_allocs")

# Calls that an allocator makes to its own functions when it is loaded, of one byte each: they go through
# no symbol, so a preloaded library does not see them. (gperftools: src/tcmalloc.cc, TCMallocGuard:
# tc_free(tc_malloc(1)), twice.)
OWN_PAIRS = {"libtcmalloc_minimal.so.4": 2}


class Counting:
    """Counts what the processes do that are started with the words of `prefix` before their command; with
    an allocator library (its name) in place of the C library's allocator."""

    def __init__(self, test, allocator=None):
        self.test = test
        self.own_pairs = OWN_PAIRS.get(allocator, 0)
        self.path = test.fresh_path(".count")
        with open(self.path, "wb") as file:
            os.truncate(file.fileno(), HEADER_SZ + SLOT_CNT * SLOT_SZ)
        os.chmod(self.path, 0o666)
        libraries = [heaptap.program("libcount.so"), *([heaptap.library_path(test, allocator)] if allocator else [])]
        self.environment = {"LD_PRELOAD": ":".join(map(str, libraries)),
                            "HEAPTAP_COUNT_FILE": str(self.path)}
        # env(1) sets them, so that they are set in the command and not in heaptap
        self.prefix = ["/usr/bin/env", *(f"{key}={value}" for key, value in self.environment.items())]

    def images(self):
        """A dictionary for each image of a process, in the order of their births."""
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            (cnt,) = struct.unpack_from("=Q", data)
            self.test.check(cnt <= SLOT_CNT, f"{cnt} images: too many to be counted")
            slots = [SLOT.unpack_from(data, HEADER_SZ + i * SLOT_SZ) for i in range(cnt)]
        found = [dict(zip(SLOT_FIELDS, slot)) for slot in slots]
        for image in found:
            image["comm"] = image["comm"].split(b"\0")[0].decode(errors="replace")
            if not image["forked"]:
                for field in ("allocs", "frees", "bytes_allocated"):
                    image[field] += self.own_pairs
            self.test.equal(image["early"], 0, f"{image['comm']}: calls before counting began")
        return found

    def pairs(self, tracing):
        """(heaptap's image, the counted one) for each image that was counted."""
        counted, found = self.images(), []
        self.test.check(counted, "nothing was counted")
        for pid in dict.fromkeys(image["pid"] for image in counted):
            of_pid = [image for image in counted if image["pid"] == pid]
            traced = tracing.of_pid(pid)[-len(of_pid):]
            self.test.equal(len(traced), len(of_pid), f"images of process {pid} ({of_pid[-1]['comm']})")
            found += zip(traced, of_pid)
        return found

    def compare(self, tracing):
        """Each image that was counted stands in heaptap's books with the same totals, sound."""
        pairs = self.pairs(tracing)
        for image, truth in pairs:
            compare_image(self.test, image, truth)
        return [truth for _, truth in pairs]


def compare_image(test, image, truth):
    found = {field: image["totals"][field] for field in TOTALS}
    wanted = {field: truth[field] for field in TOTALS}
    test.equal(found, wanted, f"{image['comm']} ({image['pid']}): heaptap's totals and the oracle's")
    heaptap.check_sound(test, image)


def valgrind_totals(test, command, **how):
    """allocs, frees, bytes_allocated, outstanding_blocks and _bytes of one process, by memcheck.
    The C and C++ libraries are not made to free what they keep at exit."""
    test.need("valgrind")
    log = test.fresh_path(".valgrind")
    test.run(["valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no", f"--log-file={log}", *command],
             **how)
    text = log.read_text().replace(",", "")
    in_use = re.search(r"in use at exit: (\d+) bytes in (\d+) blocks", text)
    usage = re.search(r"total heap usage: (\d+) allocs (\d+) frees (\d+) bytes allocated", text)
    test.check(in_use and usage, f"valgrind gave no heap summary:\n{text}")
    return {"outstanding_bytes": int(in_use[1]), "outstanding_blocks": int(in_use[2]),
            "allocs": int(usage[1]), "frees": int(usage[2]), "bytes_allocated": int(usage[3])}
