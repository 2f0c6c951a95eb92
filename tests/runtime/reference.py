# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Call stacks by another unwinder: what libbacktrace.so recorded inside the process, to be compared with
heaptap's of the same run, address by address."""
import mmap
import os
import struct

import heaptap

# struct stacks_file and struct stack of tests/programs/libbacktrace.c
HEADER = struct.Struct("=16Q")
FRAME_MAX, STACK_CAP = 127, 1 << 14
# heaptap's deepest stack has 127 frames, two of them the allocator's and the wrapper's
DEPTH = 125
STACK = struct.Struct(f"={2 + FRAME_MAX + 1}Q")


# Of the command's own process only.
OPTIONS = ["--no-children"]


class Recording:
    """Records the stacks of the process that is started with the words of `prefix` before its command."""

    def __init__(self, test, exports=""):
        self.test = test
        self.path = test.fresh_path(".stacks")
        with open(self.path, "wb") as file:
            os.truncate(file.fileno(), HEADER.size + STACK_CAP * STACK.size)
        self.library = heaptap.program("libbacktrace.so")
        # not by env(1), whose words heaptap would read
        script = test.fresh_path(".sh")
        script.write_text(f"export HEAPTAP_STACKS_FILE='{self.path}' LD_PRELOAD='{self.library}' {exports}\n"
                          'exec "$@"\n')
        self.prefix = ["/bin/sh", script]

    def stacks(self):
        """{(return address, …): allocations}, outward from the wrapper's caller."""
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            self.recorded, self.unrecorded, overflow = HEADER.unpack_from(data)[:3]
            self.test.equal(overflow, 0, "stacks for which the reference had no room")
            found = {}
            for i in range(STACK_CAP):
                cnt, frame_cnt, *frames = STACK.unpack_from(data, HEADER.size + i * STACK.size)
                if cnt:
                    # [0] is in the wrapper; its caller is the first that both know
                    key = tuple(frames[1:frame_cnt])[:DEPTH]
                    found[key] = found.get(key, 0) + cnt
        return found


def addresses(stack):
    """The frames of a stack as it is in memory: inlined functions have none of their own."""
    return tuple(int(frame["address"], 16) for frame in stack["frames"] if not frame["inlined"])


def stacks_of(image):
    """As Recording.stacks, of heaptap's books: without the allocator's frame and the wrapper's. And those
    apart of which heaptap says that they end early, for want of a file's unwind information in time."""
    found, late = {}, {}
    for stack in image["stacks"]:
        into = late if stack["end"] and "not loaded yet" in stack["end"] else found
        key = addresses(stack)[2:]
        into[key] = into.get(key, 0) + stack["allocs"]
    return found, late


def differences(recorded, found, late):
    """[(allocations, heaptap's, recorded stack, heaptap's most similar)] of the stacks that were recorded
    and are not in heaptap's books as often; what is missing may be in a late one that is its beginning."""
    wrong = []
    late = dict(late)
    for key, cnt in recorded.items():
        missing = cnt - found.get(key, 0)
        for beginning in [other for other in late if key[:len(other)] == other]:
            taken = min(max(missing, 0), late[beginning])
            late[beginning] -= taken
            missing -= taken
        if missing:
            closest = max(found, key=lambda other: common(key, other), default=())
            wrong.append((cnt, found.get(key, 0), key, closest))
    return wrong


def common(a, b):
    cnt = 0
    for x, y in zip(a, b):
        if x != y:
            break
        cnt += 1
    return cnt
