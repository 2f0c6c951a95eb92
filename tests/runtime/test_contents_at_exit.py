# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--contents-at-exit: what blocks hold is read when their process ends by itself."""
import os
import signal
import time

import heaptap
from harness import each
from puppet import Puppet
from stopping import state
from test_blocks import check_blocks, own_blocks

AT_EXIT = ["--contents-at-exit", "--all-kinds", "--blocks=0"]


def contents(image):
    return [block["contents"] for block in image["blocks"]]


def test_blocks_hold_at_exit_what_the_program_says(t):
    tracing = heaptap.run(t, [heaptap.program("blocks")], options=["--contents-at-exit"])
    check_blocks(t, tracing.only()["blocks"], own_blocks(tracing.process.stdout), True)
    heaptap.check_sound(t, tracing.only())


def test_without_the_option_there_is_none(t):
    tracing = heaptap.run(t, [heaptap.program("blocks")], options=["--contents"])
    t.equal(set(contents(tracing.only())), {None}, "contents")


def test_attached_with_more_blocks_than_one_call_reads(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=AT_EXIT)
    puppet.tell("alloc 3000 24")
    t.equal(puppet.end(5), 5, "exit status")
    tracing.process.wait()
    image = tracing.of_pid(puppet.pid)[-1]
    t.equal(len(image["blocks"]), 3000, "blocks")
    t.check("was not read" not in tracing.process.stderr, tracing.process.stderr)
    t.equal({len(text) for text in contents(image)}, {32}, "digits of each")


def test_each_process_of_a_family_is_read_at_its_own_end(t):
    """A child by fork has its parent's blocks too; one by vfork ends, and its memory goes on."""
    tracing = heaptap.run(t, [heaptap.program("numbered_family"), 10], options=AT_EXIT, stdin=b"\n")
    own = [[block for block in image["blocks"] if block["function"] == "allocate"] for image in tracing.images]
    t.equal(sorted(len(blocks) for blocks in own), [20, 30], "blocks of the child by fork, and of the parent")
    for blocks in own:
        t.equal([block["number"] for block in blocks if block["contents"] is None], [], "blocks not read")


@each(("exit", 0, True), ("abort", signal.SIGABRT, False), ("kill", signal.SIGKILL, False))
def test_who_is_killed_leaves_none(t, case):
    how, number, is_read = case
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=AT_EXIT)
    puppet.tell("alloc 2 16")
    if how == "exit":
        t.equal(puppet.end(), 0, "exit status")
    else:
        puppet.process.signal(number)
        t.equal(puppet.process.wait(), 128 + number, "exit status")
    tracing.process.wait()
    t.equal([text is not None for text in contents(tracing.of_pid(puppet.pid)[-1])], [is_read] * 2, "contents read")


@each("stopped", "killed")
def test_nobody_waits_long_for_a_heaptap_that_is(t, what):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=AT_EXIT)
    puppet.tell("alloc 2 16")
    tracing.process.signal(signal.SIGSTOP)
    t.until(lambda: state(tracing.process.pid) == "T", "heaptap's stop")
    begin = time.monotonic()
    puppet.process.popen.stdin.write(b"exit 3\n")
    puppet.process.popen.stdin.flush()
    if what == "killed":
        tracing.process.signal(signal.SIGKILL)
    t.equal(puppet.process.wait(), 3, "exit status")
    took = time.monotonic() - begin
    t.check(took < 5, f"the process took {took:.1f} s to end")
    if what == "stopped":
        t.check(took > 0.5, f"it has not waited at all: {took:.3f} s")
        os.kill(tracing.process.pid, signal.SIGCONT)
        tracing.process.wait()
        t.equal(contents(tracing.of_pid(puppet.pid)[-1]), [None] * 2, "contents that came too late")
        t.contains(tracing.process.stderr, f"of process {puppet.pid} held at its exit was not read", "what is said of it")


def test_a_static_program_is_read(t):
    tracing = heaptap.run(t, [heaptap.program("leak_static"), "malloc"], options=AT_EXIT)
    found = contents(tracing.only())
    t.check(found and None not in found, f"contents: {found}")


def test_what_cannot_be_read_is_left_out_alone(t):
    tracing = heaptap.run(t, [heaptap.program("unreadable")], options=["--contents-at-exit", "--blocks-by", "age"])
    wanted = [None if i % 3 == 0 else f"{i:02x}" * 16 for i in range(1, 10)]
    t.equal(contents(tracing.only()), wanted, "contents")


MAP_FILES = """import mmap, os, sys
fds = [os.open(os.path.join(sys.argv[1], str(i)), os.O_RDWR | os.O_CREAT) for i in range(900)]
for fd in fds:
    os.truncate(fd, 4096)
mappings = [mmap.mmap(fd, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC) for fd in fds]
os._exit(0)
"""


def test_many_files_just_before_the_end(t):
    """Each is held open: a table of files that grew would wait for the process that waits."""
    t.path("files").mkdir()
    tracing = heaptap.run(t, ["/usr/bin/python3", "-c", MAP_FILES, t.path("files")], options=["--contents-at-exit"])
    found = contents(tracing.only())
    t.check(found and None not in found, f"contents: {found}, {tracing.process.stderr}")
