# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every allocator function, to the block and byte: each row of leak.c and leak_new.cc against what the
program says of itself."""
import subprocess

import heaptap
import oracle
from harness import each
from test_watch import OwnLibc

ABSENT = 77  # leak.c: the C library has no such function

# Other ways to build leak.c, and other functions: each with all its rows.
VARIANTS = {
    "leak_optimized": "no frame pointers, tail calls",
    "leak_static": "glibc linked statically",
    "leak_musl": "musl: calloc calls malloc",
    "leak_musl_static": "musl linked statically",
    "leak_ours": "an allocator library of ours, that calls itself",
    "leak_ours_tail": "the same with tail calls",
    "leak_ours_static": "the same in the program",
    "leak_forwarded": "a wrapper library before libc",
    "leak_forwarded_tail": "the same with tail calls",
    "leak_jemalloc": "linked with jemalloc",
    "leak_tcmalloc": "linked with tcmalloc",
    "leak_mimalloc": "linked with mimalloc",
    "leak_jemalloc_static": "jemalloc linked statically",
    "leak_je": "jemalloc's functions by names of their own, beside the C library's",
    "leak_tc": "tcmalloc's",
    "leak_mi": "mimalloc's",
    "leak_extended_jemalloc": "what jemalloc has beside malloc's family",
    "leak_extended_je": "the same by names of their own",
    "leak_extended_tcmalloc": "what tcmalloc has",
    "leak_extended_mimalloc": "what mimalloc has",
}
# Functions that jemalloc does not have, so that they are the C library's, and crash.
NOT_JEMALLOCS = ("pvalloc", "cfree")
NO_ROWS = {"leak_jemalloc": NOT_JEMALLOCS, "leak_jemalloc_static": NOT_JEMALLOCS}


def rows(name):
    """The rows of a program that its C library has the functions for."""
    program = heaptap.program(name)
    if not program.exists():
        return []
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    return [row for row in listed if row not in NO_ROWS.get(name, ())
            and subprocess.run([program, row], stdout=subprocess.DEVNULL).returncode != ABSENT]


# Others allocate, too: glibc before main where it is linked statically (_dl_non_dynamic_init), tcmalloc
# when it is loaded, libstdc++ (which tcmalloc and jemalloc need) for exceptions.
NOT_ALONE = ("leak_static", "leak_tcmalloc", "leak_tc", "leak_extended_tcmalloc", "leak_jemalloc",
             "leak_extended_jemalloc", "several_jemalloc")


def check_image(t, name, image, expect):
    if name in NOT_ALONE:
        heaptap.check_own(t, image, expect, "leak_outer", "use_and_free")
    else:
        heaptap.check_totals(t, image, expect)
    return image


def check_row(t, name, row):
    _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program(name), row])
    return check_image(t, name, image, expect)


@each(*rows("leak"))
def test_leak_is_exact(t, row):
    check_row(t, "leak", row)


@each(*VARIANTS)
def test_leaks_are_exact_in(t, name):
    if not heaptap.program(name).exists():
        t.skip("what it is built with is not installed")
    # a shell runs one after the other: heaptap is started once, and sees which program will be run
    script = f'for row in {" ".join(rows(name))}; do "$0" $row; done'
    _, pairs = heaptap.run_expecting(t, ["/bin/sh", "-c", script, heaptap.program(name)])
    t.equal([expect["name"] for _, expect in pairs], rows(name), "rows that were run")
    wrong = []
    for image, expect in pairs:
        try:
            check_image(t, name, image, expect)
        except heaptap.Failed as error:  # all rows are told
            wrong.append(f"{expect['name']}: {error}")
    t.check(not wrong, "\n".join(wrong))


# Names of one function: an address does not tell which of them was called.
ALIASES = {"aligned_alloc": ("aligned_alloc", "memalign")}


def own_stack(t, image, inner):
    """The one stack that leaks through leak_outer and `inner`."""
    stacks = [stack for stack in heaptap.stacks_through(image, "leak_outer")
              if heaptap.stack_has(stack, inner) and stack["outstanding_blocks"]]
    t.equal(len(stacks), 1, f"leaking stacks through {inner} and leak_outer")
    return stacks[0]


@each("malloc", "calloc", "posix_memalign", "aligned_alloc", "realloc-null", "memalign", "valloc")
def test_stack_names_the_call_chain(t, row):
    inner = "by_" + row.replace("-", "_")
    image = check_row(t, "leak", row)
    stack = own_stack(t, image, inner)
    functions = [frame["function"] for frame in stack["frames"]]
    wanted = [inner, "leak_inner", "leak_outer", "run_row", "leak_main", "main"]
    t.equal(functions[1:7], wanted, f"frames after {functions[0]}")
    allocator = row.split("-")[0]
    t.check(functions[0] in ALIASES.get(allocator, (allocator,)),
            f"the first frame is {functions[0]}, not {allocator}")
    for frame in stack["frames"][1:7]:
        t.check("tests/programs/leak" in (frame["file"] or ""), f"file: {frame}")
        t.check((frame["line"] or 0) > 0, f"no line: {frame}")
        t.equal(frame["module"], str(heaptap.program("leak")), "module")
    t.equal((stack["outstanding_blocks"], stack["outstanding_bytes"]), (7, 12096), "the stack's leak")


def places_of(t, module, offset):
    """(function, file:line) by addr2line, of the call before a return address: inlined ones first."""
    lines = t.run(["addr2line", "-i", "-f", "-e", module, hex(int(offset, 16) - 1)]).stdout.splitlines()
    return [(function, place.rsplit("/", 1)[-1].split(" ")[0])
            for function, place in zip(lines[::2], lines[1::2])]


def test_frames_agree_with_addr2line(t):
    t.need("addr2line")
    stack = own_stack(t, check_row(t, "leak", "malloc"), "by_malloc")
    frames = stack["frames"][1:7]
    found = [(frame["function"], f"{frame['file'].rsplit('/', 1)[-1]}:{frame['line']}") for frame in frames]
    offsets = dict.fromkeys((frame["module"], frame["module_offset"]) for frame in frames)
    wanted = [place for module, offset in offsets for place in places_of(t, module, offset)]
    t.equal(found, wanted, "functions and lines")
    inlined = [frame["inlined"] for frame in frames]
    t.equal(inlined, [frames[i]["address"] == frames[i + 1]["address"] for i in range(5)] + [False],
            "which frames are inlined into the next")


# (Not with musl, whose start-up code has no unwind information.)
@each("leak", "leak_optimized", "leak_static", "leak_ours_tail")
def test_stack_reaches_the_root(t, name):
    for row in ("malloc", "posix_memalign", "realloc-grow"):
        image = check_row(t, name, row)
        for stack in heaptap.stacks_through(image, "leak_outer"):
            functions = [frame["function"] for frame in stack["frames"]]
            t.check(stack["complete"], f"{row}: {stack['end']}: {functions}")
            t.check(functions[-1] == "_start", f"{row}: the root is {functions[-1]}")


def test_build_id_is_the_files(t):
    stack = own_stack(t, check_row(t, "leak", "malloc"), "by_malloc")
    notes = t.run(["readelf", "-n", heaptap.program("leak")]).stdout
    t.check(stack["frames"][1]["build_id"], "no build ID")
    t.contains(notes, stack["frames"][1]["build_id"], "readelf -n")


def test_names_come_from_separate_debug_info(t):
    image = check_row(t, "leak_debuglink", "malloc")
    stack = own_stack(t, image, "by_malloc")
    t.check((stack["frames"][1]["line"] or 0) > 0, f"no line: {stack['frames'][1]}")


def check_new(t, name, row):
    """operator new: the program's own, and all that libstdc++ does beside it, by the oracle."""
    tracing, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program(name), row])
    heaptap.check_own(t, image, expect, "leak_outer", "use_and_free")
    return image


@each(*rows("leak_new"))
def test_new_is_exact(t, row):
    image = check_new(t, "leak_new", row)
    counting = oracle.Counting(t)
    t.run([*counting.prefix, heaptap.program("leak_new"), row])
    oracle.compare_image(t, image, counting.images()[0])


@each(*rows("leak_new_ours"))
def test_new_beside_malloc_is_exact(t, row):
    check_new(t, "leak_new_ours", row)


def run_all_new(t, library):
    """(image, EXPECT line) for each row of leak_new, with an allocator library preloaded (or None)."""
    script = f'for row in {" ".join(rows("leak_new"))}; do "$0" $row; done'
    command = ["/bin/sh", "-c", script, heaptap.program("leak_new")]
    _, pairs = heaptap.run_expecting(t, heaptap.preloading(t, library, *command) if library else command)
    t.equal([expect["name"] for _, expect in pairs], rows("leak_new"), "rows that were run")
    return pairs


# Their operator new throws, so its rets are probed (user/probe/exits.h).
OTHERS = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2")


@each(*OTHERS)
def test_new_of_other_allocators_is_exact(t, library):
    wrong = []
    for image, expect in run_all_new(t, library):
        try:
            heaptap.check_own(t, image, expect, "leak_outer", "use_and_free")
        except heaptap.Failed as error:  # all rows are told
            wrong.append(f"{expect['name']}: {error}")
    t.check(not wrong, "\n".join(wrong))


def check_blame(t, stack, row):
    """The first frame outside the allocator and operator new is the function that says new, there."""
    frames = stack["frames"]
    first = next(i for i, frame in enumerate(frames) if frame["module"] == str(heaptap.program("leak_new")))
    functions = [frame["function"] for frame in frames]
    by = "by_" + row.replace("-sized", "").replace("-", "_")
    source = (heaptap.ROOT / "tests/programs/leak_new.cc").read_text().splitlines()
    t.check(first > 0 and heaptap.frame_is(frames[first], by), f"{row}: {functions}")
    t.check(frames[first]["file"].endswith("tests/programs/leak_new.cc"), f"{row}: {frames[first]}")
    t.contains(source[frames[first]["line"] - 1], f"({by}, ::operator new", f"{row}: the line that is blamed")


@each("none", *OTHERS)
def test_new_is_its_callers(t, library):
    for image, expect in run_all_new(t, None if library == "none" else library):
        stacks = [stack for stack in heaptap.stacks_through(image, "leak_outer")
                  if stack["outstanding_blocks"]]
        t.equal(len(stacks), 1, f"{expect['name']}: leaking stacks through leak_outer")
        check_blame(t, stacks[0], expect["name"])


@each("liballoc_ours.so", "libforward.so", "libforward_tail.so", "libcount.so")
def test_preloaded_allocator_counts_once(t, library):
    command = ["/usr/bin/env", f"LD_PRELOAD={heaptap.program(library)}", heaptap.program("leak"), "calloc"]
    _, ((image, expect),) = heaptap.run_expecting(t, command)
    heaptap.check_totals(t, image, expect)


@each("several", "several_jemalloc", "several_private_jemalloc")
def test_several_allocators_in_one_process(t, name):
    if not heaptap.program(name).exists():
        t.skip("what it is built with is not installed")
    _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program(name)])
    check_image(t, name, image, expect)


def test_processes_that_begin_together_with_an_allocator_that_nobody_foresaw(t):
    """It is announced by the first that maps it, and probed some milliseconds later: late for all."""
    libc = OwnLibc(t)
    one = f"LD_LIBRARY_PATH={libc.file.parent} {heaptap.program('stress')} 1 2 &"
    tracing = heaptap.run(t, ["/bin/sh", "-c", f"{one} {one} {one} {one} wait"])
    expects = heaptap.read_expects(tracing.process.stdout)
    t.equal(len(expects), 4, "processes")
    for expect in expects:
        image = tracing.of_pid(expect["pid"])[-1]
        t.check(image["totals"]["allocs"] > 1000, f"hardly anything was seen: {image['totals']}")
        if image["from_birth"]:
            heaptap.check_own(t, image, expect, "leak_outer")


def test_allocator_of_a_library_that_is_loaded_later(t):
    library = {"PRIVATE_LIBRARY": str(heaptap.program("libprivate.so"))}
    tracing = heaptap.start(t, "run", ["-i", "0.1"], ["--", heaptap.program("several_late")], stdin=None,
                            environment=library)
    t.until(lambda: any("found only after" in (image["note"] or "") for image in tracing.images),
            f"word of the library's allocator\n{tracing.process.told()}")
    tracing.process.popen.stdin.write(b"\n")
    tracing.process.popen.stdin.close()
    tracing.process.wait()
    t.status(tracing.process, 0)
    (expect,) = heaptap.read_expects(tracing.process.stdout)
    image = tracing.only()
    t.check(not image["from_birth"], "it says that it has seen all from the first call on")
    heaptap.check_own(t, image, expect, "leak_outer", "use_and_free")
