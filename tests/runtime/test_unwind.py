# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Call stacks, frame by frame as another unwinder sees them in the same run, and how they end."""
import heaptap
import reference
from harness import each
from return_probes import ReturnProbes

SCRIPT = "import json; d = {str(i): [i] * 3 for i in range(3000)}; json.loads(json.dumps(d))"
PERL = r'my %h; $h{$_ % 1701} .= "x$_" for 1..60000; print scalar(keys %h), "\n"'
SQL = ("create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all "
       "select i + 1 from n where i < 9000) insert into t select i, hex(i * 7919) from n; "
       "create index x on t(b); select count(*), min(b) from t;")

COMPARED = {
    "python3": ["/usr/bin/python3", "-c", SCRIPT],
    "perl": ["perl", "-e", PERL],
    "sqlite3": ["sqlite3", ":memory:", SQL],
    "C++ with exceptions and std::map": [heaptap.program("stacks_cxx"), "10000"],
    "threads": [heaptap.program("stacks_threads"), "4", "3000"],
    "signal handlers": [heaptap.program("stacks_signal"), "3000"],
    "signals in the vDSO": [heaptap.program("stacks_signal"), "3000", "vdso"],
    "realigned frames, alloca, deep recursion": [heaptap.program("stacks_frames"), "3000"],
}
LEAST_ALLOCATIONS = {"signal handlers": 3000, "signals in the vDSO": 3000,
                     "realigned frames, alloca, deep recursion": 3000}


# Of the allocations, in stacks that end early because a library was loaded a moment before.
LATE_SHARE = 0.02


def compare(t, image, recording):
    recorded = recording.stacks()
    found, late = reference.stacks_of(image)
    wrong = reference.differences(recorded, found, late)
    told = [f"{cnt} (heaptap {cnt_found}) × {' '.join(map(hex, key))}\n        heaptap: "
            f"{' '.join(map(hex, closest))}" for cnt, cnt_found, key, closest in wrong[:3]]
    t.check(not wrong, f"{len(wrong)} of {len(recorded)} stacks differ, in {sum(w[0] for w in wrong)} of "
            f"{recording.recorded} allocations:\n    " + "\n    ".join(told))
    t.check(sum(late.values()) <= LATE_SHARE * recording.recorded,
            f"{sum(late.values())} of {recording.recorded} allocations are in stacks that end early")
    return recorded


@each(*COMPARED)
def test_stacks_are_the_reference_unwinders(t, name):
    recording = reference.Recording(t, "PYTHONMALLOC=malloc")
    tracing = heaptap.run(t, [*recording.prefix, *map(str, COMPARED[name])],
                          options=reference.OPTIONS)
    image = tracing.images[-1]
    compare(t, image, recording)
    t.check(recording.recorded >= LEAST_ALLOCATIONS.get(name, 10000),
            f"only {recording.recorded} allocations were recorded")
    # what backtrace() itself allocates, and what came before it, is in heaptap's books alone
    t.check(image["totals"]["allocs"] >= recording.recorded + recording.unrecorded,
            f"{image['totals']['allocs']} allocations in the books, {recording.recorded} + "
            f"{recording.unrecorded} in the process")


def test_frames_in_the_vdso_have_names(t):
    image = heaptap.run(t, [heaptap.program("stacks_signal"), "2000", "vdso"]).only()
    frames = [(frame["function"], stack["complete"]) for stack in image["stacks"] for frame in stack["frames"]
              if frame["module"] == "[vdso]"]
    names = {name for name, _ in frames}
    # it has names for what it offers, and none for what that calls
    t.check("clock_gettime" in names and names <= {"clock_gettime", None}, f"names of vDSO frames: {names}")
    t.check(all(complete for _, complete in frames), "a stack through the vDSO ends early")


def places(image):
    """{(function and offset of each frame, …): allocations}"""
    found = {}
    for stack in image["stacks"]:
        key = tuple((frame["function"], frame["offset"]) for frame in stack["frames"])
        found[key] = found.get(key, 0) + stack["allocs"]
    return found


def test_frames_whose_return_another_tracer_waits_for(t):
    command = [heaptap.program("stacks_frames"), "50"]
    alone = heaptap.run(t, command).only()
    with ReturnProbes(t, command[0], ["deep", "with_pointer", "large", "leaf"]) as others:
        together = heaptap.run(t, command).only()
        t.check(others.counts() > 50 * 3, f"the other tracer saw {others.counts()} returns")
    t.check(heaptap.stacks_through(together, "deep"), "no stack through a probed function")
    found, expected = places(together), places(alone)
    other = [key for key in found if found[key] != expected.get(key)]
    t.check(not other and len(found) == len(expected), f"{len(other)} of {len(found)} stacks are not among "
            f"the {len(expected)} without another tracer: {[(len(key), key[:4], key[-4:]) for key in other[:3]]}")


def test_allocations_beyond_the_kernels_limit_of_return_probes_are_told_as_lost(t):
    command = [heaptap.program("stacks_frames"), "100"]
    alone = heaptap.run(t, command).only()
    with ReturnProbes(t, command[0], ["deep"]):
        image = heaptap.run(t, command).only()
    lost = image["loss"]["too_deep"]
    t.check(lost > 20 and not image["complete"], f"{lost} told as lost, complete: {image['complete']}")
    t.equal(image["totals"]["allocs"] + lost, alone["totals"]["allocs"], "allocations seen and lost, and made")


def test_stack_of_code_that_is_unmapped_and_replaced(t):
    recording = reference.Recording(t)
    tracing = heaptap.run(t, [*recording.prefix, str(heaptap.program("stacks_dlclose"))],
                          options=reference.OPTIONS)
    compare(t, tracing.images[-1], recording)


@each("auto", "dwarf")
def test_share_of_complete_stacks(t, mode):
    image = heaptap.run(t, ["sqlite3", ":memory:", SQL], options=["--stack", mode]).only()
    complete = sum(stack["complete"] for stack in image["stacks"])
    t.equal(image["stacks_complete"], complete, "stacks_complete, and the stacks that are")
    t.equal(complete + sum(image["stacks_truncated"].values()), len(image["stacks"]),
            "complete and truncated stacks, and all")
    t.check(complete >= 0.99 * len(image["stacks"]), f"{complete} of {len(image['stacks'])} are complete: "
            f"{image['stacks_truncated']}")


STOCK = {
    "python3": ["/usr/bin/python3", "-c", "import json, argparse, decimal; print(json.dumps(list(range(9))))"],
    "perl": ["perl", "-MPOSIX", "-e", PERL],
    "sqlite3": ["sqlite3", ":memory:", SQL],
    "gdb": ["gdb", "-q", "-batch", "-ex", "info line main", "-ex", "disassemble main", heaptap.program("leak")],
    "clang": ["clang", "-O1", "-c", "{source}", "-o", "/dev/null"],
}


def check_roots(t, images):
    """Of the stacks that hold memory at the end."""
    ends = [stack["complete"] for image in images for stack in image["stacks"]
            if stack["outstanding_blocks"]]
    t.check(len(ends) > 5, f"only {len(ends)} stacks hold memory")
    t.check(sum(ends) >= 0.99 * len(ends), f"{sum(ends)} of {len(ends)} stacks end at a root: "
            f"{[image['stacks_truncated'] for image in images]}")


@each(*STOCK)
def test_stock_binaries_are_unwound_to_the_root(t, name):
    source = t.path("source.c")
    source.write_text("#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n")
    command = [str(source) if word == "{source}" else str(word) for word in STOCK[name]]
    t.need(command[0])
    check_roots(t, heaptap.run(t, command).images)


def test_redis_server_is_unwound_to_the_root(t):
    t.need("redis-server")
    socket = t.path("redis.sock")
    tracing = heaptap.start(t, "run", [], ["--", "redis-server", "--port", "0", "--unixsocket", socket,
                                           "--save", ""])
    t.until(socket.exists, lambda: f"redis's socket\n{tracing.process.told()}")
    for command in (["set", "key", "x" * 3000], ["lpush", "list", *map(str, range(200))], ["shutdown", "nosave"]):
        t.run(["redis-cli", "-s", socket, *command])
    tracing.process.wait(50)
    check_roots(t, tracing.images)
