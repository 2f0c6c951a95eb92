# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What programs map themselves (--mmap): against books that a program keeps page by page, and has held
against /proc/self/maps (maps.c), and against what real programs are told to map."""
import os
import random

import heaptap
from harness import each
from puppet import Puppet

FIELDS = {"ranges": "outstanding_ranges", "bytes": "outstanding_bytes", "maps": "maps", "mapped": "bytes_mapped"}
TOTALS = {**FIELDS, "unmaps": "unmaps", "peak": "peak_outstanding_bytes"}
FUNCTIONS = ("map_anonymous", "map_file", "move", "move_break")
VARIANTS = ("maps", "maps_optimized", "maps_static", "maps_musl", "maps_musl_static")
# glibc, linked statically, makes room for the main thread's variables by sbrk; musl's dynamic linker is its
# C library, and maps by that.
NOT_ALONE = ("maps_static", "maps_musl")
LINKS = ("session", "multi", "perf")


def sums(stacks):
    return {key: sum(stack[field] for stack in stacks) for key, field in FIELDS.items()}


def through(image, function):
    return [stack for stack in image["mapped"]["stacks"] if heaptap.stack_has(stack, function)]


def check_sound(t, image):
    """What must be so for any image: nothing lost, and stacks and kinds that add up to the totals."""
    mapped = image["mapped"]
    totals = mapped["totals"]
    t.check(image["complete"], f"not complete: {image['events']}, {image['loss']}")
    t.equal(totals["unseen_unmaps"], 0, "unmaps that were not seen")
    t.equal(sums(mapped["stacks"]), {key: totals[field] for key, field in FIELDS.items()},
            "sums over all stacks, and totals")
    t.equal(sum(totals["outstanding_bytes_of"].values()), totals["outstanding_bytes"], "sum over kinds")


def check_function(t, image, expect):
    t.equal(sums(through(image, expect["name"])), {key: expect[key] for key in FIELDS},
            f"stacks through {expect['name']}")


def check_maps(t, image, expects, alone):
    """alone: the C library maps nothing else for itself."""
    check_sound(t, image)
    *functions, everything = expects
    for expect in functions:
        check_function(t, image, expect)
    totals = image["mapped"]["totals"]
    if not alone:
        return
    t.equal({key: totals[field] for key, field in TOTALS.items()}, {key: everything[key] for key in TOTALS},
            "totals")
    of = totals["outstanding_bytes_of"]
    t.equal((of["file"], of["break"]), (everything["file"], everything["break"]), "bytes of files, of the break")


def run_program(t, name, *arguments, options=()):
    if not heaptap.program(name).exists():
        t.skip("musl-gcc is not installed")
    tracing = heaptap.run(t, [heaptap.program(name), *arguments], options=["--mmap", *options])
    return tracing.only(), heaptap.read_expects(tracing.process.stdout)


def fresh_seed():
    seed = int(os.environ.get("HEAPTAP_TEST_SEED", random.randrange(1 << 32)))
    print(f"# seed {seed} (HEAPTAP_TEST_SEED)", flush=True)
    return str(seed)


@each(*VARIANTS)
def test_books_are_the_programs(t, name):
    image, expects = run_program(t, name, fresh_seed(), "6000")
    check_maps(t, image, expects, alone=name not in NOT_ALONE)
    blocks = heaptap.sums(heaptap.stacks_through(image, "allocate"))
    t.check(blocks["allocs"] > 500, "the allocator was not at work in between")
    t.equal(blocks["outstanding_blocks"], 0, "blocks")


@each(*LINKS)
def test_books_are_the_programs_by(t, link):
    image, expects = run_program(t, "maps", fresh_seed(), "3000", options=["--link", link])
    check_maps(t, image, expects, alone=True)


@each("none", "fp")
def test_books_are_the_programs_with_stacks(t, mode):
    image, expects = run_program(t, "maps", fresh_seed(), "2000", options=["--stack", mode])
    check_sound(t, image)
    totals = image["mapped"]["totals"]
    t.equal({key: totals[field] for key, field in TOTALS.items()}, {key: expects[-1][key] for key in TOTALS}, "totals")


@each("2", "6")
def test_addresses_are_reused_before_munmap_returns(t, threads):
    image, (expect,) = run_program(t, "trap_map_reuse", threads, "4000")
    check_sound(t, image)
    # not those through map_here: a stack ends early where another thread is changing the mappings just then
    own = [stack for stack in image["mapped"]["stacks"] if not heaptap.stack_has(stack, "pthread_create")]
    t.equal(sums(own), {key: expect[key] for key in FIELDS}, "what pthread_create has not mapped")
    t.equal(image["mapped"]["totals"]["unmaps"], expect["unmaps"], "unmaps")


def test_stack_names_the_call_chain(t):
    image, _ = run_program(t, "maps", "1", "500")
    for function, mappers in (("map_anonymous", ("mmap", "mmap64")), ("move", ("mremap",)),
                              ("move_break", ("sbrk", "brk"))):
        t.check(through(image, function), f"no stack through {function}")
        for stack in through(image, function):
            names = [frame["function"] for frame in stack["frames"] if not frame["inlined"]]
            t.equal(names[1], function, "the second frame")
            t.check(names[0].strip("_") in mappers, f"the first frame is {names[0]}")
            t.check(stack["complete"] and "main" in names, f"the stack ends early: {names}")


def test_without_the_option_nothing_is_told(t):
    tracing = heaptap.run(t, [heaptap.program("maps"), "1", "500"])
    t.equal(tracing.only()["mapped"], None, "mapped")
    text = t.run([heaptap.HEAPTAP, "run", "--", heaptap.program("maps"), "1", "500"])
    t.check("mapped " not in text.stderr, f"the text tells of it: {text.stderr}")


def test_text_tells_of_it(t):
    finished = t.run([heaptap.HEAPTAP, "run", "--mmap", "--", heaptap.program("maps"), "1", "500"])
    *_, everything = heaptap.read_expects(finished.stdout)
    t.contains(finished.stderr, f"in {everything['ranges']} ranges ({everything['bytes']:,} bytes)", "the summary")
    t.contains(finished.stderr, "map_anonymous", "the summary")


PYTHON_MAPS = """
import mmap
kept = [mmap.mmap(-1, size) for size in (1, 4096, 5000, 1 << 20, 300000)]
gone = [mmap.mmap(-1, 1 << 16) for _ in range(50)]
del gone
kept[4].resize(700000)
with open("/proc/self/exe", "rb") as file:
    kept.append(mmap.mmap(file.fileno(), 10000, prot=mmap.PROT_READ))
try:
    mmap.mmap(-1, 1 << 60)
except (OSError, OverflowError):
    pass
import os
os._exit(0)
"""


def pages(*sizes):
    return sum((size + 4095) // 4096 * 4096 for size in sizes)


def test_python_mmap(t):
    python = "/usr/bin/python3"
    tracing = heaptap.run(t, [python, "-c", PYTHON_MAPS], options=["--mmap"])
    image = tracing.only()
    check_sound(t, image)
    own = [stack for stack in image["mapped"]["stacks"]
           if "/mmap.cpython-" in (stack["frames"][1]["module"] or "")]
    t.equal(sums(own), {
        "ranges": 6, "bytes": pages(1, 4096, 5000, 1 << 20, 700000, 10000), "maps": 5 + 50 + 1 + 1,
        "mapped": pages(1, 4096, 5000, 1 << 20, 300000, 700000, 10000) + 50 * pages(1 << 16)},
        "what the mmap module mapped")
    t.check(image["mapped"]["totals"]["outstanding_bytes_of"]["file"] >= pages(10000), "bytes of files")


def test_what_malloc_maps_is_not_told_twice(t):
    """sort's buffer of 64 MiB is a block that malloc maps and free unmaps. Nothing else is mapped."""
    numbers = random.Random(7)
    path = t.path("numbers")
    path.write_text("".join(f"{numbers.randrange(10**9)}\n" for _ in range(200000)))
    command = ["env", "LC_ALL=C", "sort", "-n", "-S", "64M", "--parallel=1", path]
    image = heaptap.run(t, command, options=["--mmap"]).images[-1]
    plain = heaptap.run(t, command).images[-1]
    check_sound(t, image)
    t.equal(image["comm"], "sort", "the command")
    t.check(image["totals"]["peak_outstanding_bytes"] > 32 << 20, "the buffer is not in the books")
    t.equal(image["totals"], plain["totals"], "the blocks' totals with and without --mmap")
    totals = image["mapped"]["totals"]
    t.equal((totals["maps"], totals["unmaps"], totals["bytes_mapped"]), (0, 0, 0), "maps, unmaps, bytes")


def test_threads_stacks_are_mapped(t):
    image = heaptap.run(t, [heaptap.program("threads"), "8", "100"], options=["--mmap"]).only()
    check_sound(t, image)
    mapped = sums(through(image, "pthread_create"))
    t.check(mapped["maps"] >= 8, f"{mapped} mapped by pthread_create for 8 threads")


def test_attach(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--mmap"])
    puppet.tell("map 4 100000", "unmap 3", "alloc 2 50")
    puppet.end(0)
    tracing.process.wait()
    image = tracing.only()
    check_sound(t, image)
    t.equal(sums(through(image, "map_outer")),
            {"ranges": 1, "bytes": pages(100000), "maps": 4, "mapped": 4 * pages(100000)}, "stacks through map_outer")
    t.equal(image["mapped"]["totals"]["unmaps"], 3, "unmaps")


def test_watch(t):
    program = heaptap.program("maps_static")
    tracing = heaptap.watch(t, program, options=["--mmap"])
    finished = t.run([program, fresh_seed(), "1000"])
    tracing.stop()
    expects = heaptap.read_expects(finished.stdout)
    (image,) = tracing.of_pid(expects[0]["pid"])
    check_maps(t, image, expects, alone=False)


def test_fork_and_exec(t):
    """A child has its parent's ranges, as its own; a new image has none."""
    script = ("import mmap, os\nkept = mmap.mmap(-1, 1 << 20)\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n"
              "    os._exit(0)\nkept.close()\nos.execv('/bin/true', ['true'])\n")
    tracing = heaptap.run(t, ["/usr/bin/python3", "-c", script], options=["--mmap"])
    images = tracing.images
    t.equal([image["state"] for image in images], ["exited", "replaced", "exited"], "states")
    for image in images:
        check_sound(t, image)
    parent, child, true = (image["mapped"]["totals"] for image in images)
    t.equal(parent["outstanding_bytes"] - child["outstanding_bytes"], 1 << 20, "what the child has closed")
    t.equal((true["maps"], true["outstanding_bytes"]), (0, 0), "of /bin/true")


def test_lost_records_are_told(t):
    """A ring of one page is full at once."""
    tracing = heaptap.run(t, [heaptap.program("trap_map_reuse"), "4", "3000"],
                          options=["--mmap", "--ring-size", "4K"])
    image = tracing.only()
    lost = image["loss"]["lost_maps"] + image["loss"]["lost_unmaps"]
    t.check(lost > 0, f"nothing was lost: {image['loss']}")
    t.check(not image["complete"], "the books say that they are complete")


def test_recordings_keep_it(t):
    recording = t.path("recording.heaptap")
    image, _ = run_program(t, "maps", "1", "500", options=["-o", recording])
    shown = t.run([heaptap.HEAPTAP, "report", "-f", "json", recording])
    t.status(shown, 0)
    (recorded,) = heaptap.images(heaptap.read_summaries(shown.stdout))
    t.equal(recorded["mapped"], image["mapped"], "what was recorded")


def test_probes_shows_them(t):
    libc = "/lib/x86_64-linux-gnu/libc.so.6"
    shown = t.run([heaptap.HEAPTAP, "probes", "--mmap", libc]).stdout
    names = {line.split()[0] for line in shown.splitlines()}
    t.check({"mmap", "munmap", "mremap", "brk", "sbrk"} <= names, f"probes of {libc}: {sorted(names)}")
    plain = t.run([heaptap.HEAPTAP, "probes", libc]).stdout
    t.check("munmap" not in plain, "munmap is probed without --mmap")
