# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The truths that heaptap is measured by agree with each other: the programs' own EXPECT lines, the
preloaded counter, and valgrind. heaptap has no part in these tests."""
import heaptap
import oracle
from harness import each, without_bpf

# Programs whose allocations are all their own; (command, exit status)
COUNTED = {
    "leak realloc-move": 0, "leak realloc-zero": 0, "leak reallocarray": 0, "leak posix_memalign": 0,
    "leak malloc-zero": 0, "leak pvalloc": 0, "leak_forwarded calloc": 0, "trap_realloc_failing": 0,
    "trap_failed": 0, "trap_fork": 0, "trap_exec 3": 0, "trap_many blocks": 0,
    "trap_many stacks": 0, "die segv": 139, "die _exit": 4, "seccomped": 0, "leaky_server 0.2": 0,
}


def run_counted(test, command, status=0):
    counting = oracle.Counting(test)
    name, *arguments = command.split()
    finished = test.run([*counting.prefix, heaptap.program(name), *arguments])
    test.status(finished, status)
    return counting.images(), heaptap.read_expects(finished.stdout)


@each(*COUNTED)
@without_bpf
def test_counter_agrees_with_the_program(t, command):
    counted, expects = run_counted(t, command, COUNTED[command])
    t.equal(len(counted), len(expects), "images")
    for expect in expects:
        of_pid = [image for image in counted if image["pid"] == expect["pid"]]
        nth = [other for other in expects if other["pid"] == expect["pid"]].index(expect)
        found = {key: of_pid[nth][field] for key, field in heaptap.EXPECT_TO_TOTALS.items()}
        t.equal(found, {key: expect[key] for key in heaptap.EXPECT_TO_TOTALS}, expect["name"])
        t.equal(of_pid[nth]["unmatched_frees"], 0, "frees of unknown blocks")


@without_bpf
def test_counter_is_exact_with_threads(t):
    (counted,), (expect,) = run_counted(t, "threads 8 20000")
    # pthread_create makes one block per thread for itself, and may keep it
    t.equal(counted["allocs"] - expect["allocs"], 8, "allocations beside the program's own")
    t.equal(counted["failed_allocs"], expect["failed"], "failed calls")
    t.equal(counted["allocs"] - counted["frees"], counted["outstanding_blocks"], "blocks")


# (not trap_realloc_failing: valgrind 3.19 counts a realloc that fails as an alloc and a free)
@each("leak malloc", "leak realloc-move", "leak posix_memalign", "leak_new new",
      "leak_new new-array-sized-aligned")
@without_bpf
def test_counter_agrees_with_valgrind(t, command):
    name, *arguments = command.split()
    (counted,), _ = run_counted(t, command)
    totals = oracle.valgrind_totals(t, [heaptap.program(name), *arguments])
    t.equal({field: counted[field] for field in totals}, totals, "the counter's totals and valgrind's")
