# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Allocators that are declared (--allocators): the presets on programs of the real libraries, whose own
bookkeeping is the truth, and declarations of our own on an allocator of our own."""
import os
import re

import heaptap
from harness import each, without_bpf

LINKS = ("session", "multi", "perf")


def told(t, tracing, word):
    """The numbers of the program's own line "WORD key=N …"."""
    match = re.search(rf"^{word} (.*)$", tracing.process.stdout, re.MULTILINE)
    t.check(match, f"no line {word}\n{tracing.process.told()}")
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[1])}


def run(t, preset, *command, options=()):
    if not heaptap.program(command[0]).exists():
        t.skip(f"{command[0]} is not built: its library is not installed")
    tracing = heaptap.run(t, [heaptap.program(command[0]), *command[1:]],
                          options=["--allocators", preset, *options])
    image = tracing.only()
    heaptap.check_sound(t, image)
    return tracing, image


def of_allocator(image, names):
    """The stacks whose allocator function has one of these names."""
    return [stack for stack in image["stacks"]
            if stack["frames"] and re.fullmatch(names, stack["frames"][0]["function"] or "")]


def arenas_through(image, function):
    """Sums over the arenas that a function of the program has made."""
    rows = [row for row in image["arenas"] if heaptap.stack_has(row, function)]
    return {"alive": sum(row["arenas"] for row in rows), "blocks": sum(row["blocks"] for row in rows),
            "bytes": sum(row["bytes"] for row in rows)}


def check_expected(t, tracing, image, *functions):
    (expect,) = heaptap.read_expects(tracing.process.stdout)
    heaptap.check_own(t, image, expect, *functions)


# ---- presets

@each(*LINKS)
def test_apr_pools_are_exact(t, link):
    tracing, image = run(t, "apr", "arena_apr", options=["--link", link])
    check_expected(t, tracing, image, "fill_pool", "block_of_malloc")
    t.equal(arenas_through(image, "make_pool"), told(t, tracing, "ARENAS"), "arenas of make_pool")
    owners = {row["owner"] for row in image["arenas"] if heaptap.stack_has(row, "make_pool")}
    t.equal(owners, {str(heaptap.program("arena_apr"))}, "who made them")


def test_talloc_trees_are_exact(t):
    tracing, image = run(t, "talloc", "arena_talloc")
    found = heaptap.sums(of_allocator(image, "_?talloc.*"))
    truth = told(t, tracing, "TALLOC")
    t.equal({"blocks": found["outstanding_blocks"], "bytes": found["outstanding_bytes"]}, truth,
            "what talloc_total_blocks and talloc_total_size say")
    # all of them but the root belong to another one
    t.equal(image["arena_blocks"], truth["blocks"] - 1, "blocks with a parent")


def test_obstacks_own_their_chunks(t):
    tracing, image = run(t, "obstack", "arena_obstack")
    check_expected(t, tracing, image, "get_chunk")
    t.equal(arenas_through(image, "fill"), told(t, tracing, "ARENAS"), "obstacks with chunks")


@each(*LINKS)
def test_glib_slices_are_exact(t, link):
    tracing, image = run(t, "glib", "slices_glib", options=["--link", link])
    check_expected(t, tracing, image, "take", "main", "free_a_list")


def test_sqlite_counts_the_same_blocks(t):
    tracing, image = run(t, "sqlite", "blocks_sqlite")
    truth = told(t, tracing, "SQLITE")
    found = heaptap.sums(of_allocator(image, "sqlite3.*"))
    t.equal(found["outstanding_blocks"], truth["blocks"], "SQLITE_STATUS_MALLOC_COUNT")
    rounding = truth["used"] - found["outstanding_bytes"]
    t.check(0 <= rounding <= 7 * truth["blocks"], f"bytes: {found['outstanding_bytes']}, "
            f"and SQLITE_STATUS_MEMORY_USED is {truth['used']}")
    own = heaptap.sums(heaptap.stacks_through(image, "blocks_of_its_own"))
    t.equal((own["outstanding_blocks"], own["outstanding_bytes"]), (3, 5000 + 72 + len("kept: 7") + 1),
            "the program's own")


def test_python_counts_the_same_blocks(t):
    tracing, image = run(t, "python", "blocks_python")
    found = heaptap.sums(of_allocator(image, "Py(Object|Mem)_(Malloc|Calloc|Realloc)"))
    t.equal(found["outstanding_blocks"], told(t, tracing, "PYTHON")["blocks"],
            "sys.getallocatedblocks()")


# ---- declarations of our own

POOL = """
allocators = ({
	name = "pool";
	files = ["%(files)s"];
	functions = (
		{ symbol = "pool_create"; role = "arena_create"; parent = 1; out = 2; },
		{ symbol = "pool_reset"; role = "arena_reset"; arena = 1; },
		{ symbol = "pool_destroy"; role = "arena_destroy"; arena = 1; },
		{ symbol = "pool_move"; role = "arena_move"; block = 1; parent = 2; },
		{ %(alloc)s; role = "arena_alloc"; arena = 1; size = %(size)d; }
	);
});
"""


def offset_of(t, program, function):
    """A function's offset in its file: it is linked so that its code stands where it is mapped from."""
    symbols = t.run(["nm", program]).stdout
    address = int(re.search(rf"^(\w+) t {function}$", symbols, re.MULTILINE)[1], 16)
    for line in t.run(["readelf", "-lW", program]).stdout.splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"] and "E" in fields[6:-1]:
            offset, start, size = (int(fields[i], 16) for i in (1, 2, 4))
            if start <= address < start + size:
                return address - start + offset
    t.check(False, f"{function} lies in no segment")


def declare_pool(t, alloc='symbol = "pool_alloc"', size=2, files="pool"):
    path = t.fresh_path(".conf")
    path.write_text(POOL % {"alloc": alloc, "size": size, "files": files})
    return path


@each("kept", "destroyed", "reset", "frees-inside", "left-by-longjmp")
def test_declared_pools_are_exact(t, case):
    for link in LINKS:
        tracing, image = run(t, declare_pool(t), "pool", case, options=["--link", link])
        (expect,) = heaptap.read_expects(tracing.process.stdout)
        heaptap.check_totals(t, image, expect)


@each("kept", "destroyed", "reset")
def test_a_static_function_by_its_offset(t, case):
    offset = offset_of(t, heaptap.program("pool"), "hidden_alloc")
    config = declare_pool(t, f'offset = {offset:#x}; name = "hidden"', 3, str(heaptap.program("pool")))
    tracing, image = run(t, config, "pool", case)
    (expect,) = heaptap.read_expects(tracing.process.stdout)
    heaptap.check_totals(t, image, expect)


def test_a_pipe_with_declarations_is_waited_for(t):
    config, pool = declare_pool(t), heaptap.program("pool")
    words = f"{heaptap.HEAPTAP} probes --allocators <(sleep 0.5; cat {config}) {pool}"
    finished = t.run(["bash", "-c", words])
    t.status(finished, 0)
    t.contains(finished.stdout, "pool_alloc", "probes")


def test_name_of_an_offset_reaches_a_terminal_harmless(t):
    pool = heaptap.program("pool")
    offset = offset_of(t, pool, "hidden_alloc")
    config = declare_pool(t, f'offset = {offset:#x}; name = "x\\x1b[2Jy"', 3, str(pool))
    finished = t.run([heaptap.HEAPTAP, "probes", "--allocators", config, pool])
    t.status(finished, 0)
    t.contains(finished.stdout, "x\\x1b[2Jy", "probes")


def test_attach_knows_nothing_of_older_trees(t):
    """What was there before is in no number, also when it grows, moves and goes."""
    stdin, line = os.pipe()
    target = t.start([heaptap.program("arena_talloc"), "wait"], stdin=stdin)
    os.close(stdin)
    t.until(lambda: "READY" in target.stdout, "READY")
    tracing = heaptap.attach(t, target.pid, options=["--allocators", "talloc"])
    os.write(line, b"go\n")
    os.close(line)
    target.wait()
    tracing.process.wait()
    (image,) = tracing.of_pid(target.pid)
    t.check(image["complete"], f"incomplete: {image['events']}")
    found = heaptap.sums(of_allocator(image, "_?talloc.*"))
    truth = {key: int(value) for key, value in
             re.findall(r"(\w+)=(\d+)", re.search(r"^TALLOC (.*)$", target.stdout, re.MULTILINE)[1])}
    t.equal({"blocks": found["outstanding_blocks"], "bytes": found["outstanding_bytes"]}, truth,
            "what talloc_total_blocks and talloc_total_size say")


def test_watch_of_a_library_follows_every_program(t):
    preloaded = t.run(["/sbin/ldconfig", "-p"]).stdout
    library = re.search(r"libtalloc\.so\.2 .*=> (\S+)", preloaded)[1]
    tracing = heaptap.watch(t, library, options=["--allocators", "talloc"])
    targets = [t.run([heaptap.program("arena_talloc")]) for _ in range(2)]
    t.until(lambda: len([image for image in tracing.images if image["state"] == "exited"]) == 2,
            "both programs' ends")
    tracing.stop()
    for image, target in zip(tracing.images, targets):
        truth = re.search(r"^TALLOC blocks=(\d+) bytes=(\d+)$", target.stdout, re.MULTILINE)
        totals = image["totals"]
        t.equal((totals["outstanding_blocks"], totals["outstanding_bytes"]),
                (int(truth[1]), int(truth[2])), "what talloc says")


def test_the_text_has_a_section_on_arenas(t):
    process = t.run([heaptap.HEAPTAP, "run", "--allocators", declare_pool(t), "--",
                     heaptap.program("pool"), "kept"])
    t.check(re.search(r"^  arenas +2 alive, with 20.5 KiB in 510 blocks$", process.stderr, re.MULTILINE),
            process.told())


# ---- queries

@each(*LINKS)
def test_queries_are_counted_with_v(t, link):
    for options in ([], ["-v"]):
        tracing = heaptap.run(t, [heaptap.program("queries")], options=["--link", link, *options])
        counters = tracing.only()["counters"]
        truth = told(t, tracing, "QUERIES") if options else {"sizes": 0, "trims": 0, "state": 0}
        t.equal({"sizes": counters["size_queries"], "trims": counters["trims"],
                 "state": counters["state_queries"]}, truth, f"queries with {options}")


# ---- what is wrong is told with its place

MISTAKES = {
    "key": ('{ symbol = "f"; role = "free"; blok = 1; }', r":6: .*blok.*did you mean .block"),
    "role": ('{ symbol = "f"; role = "arena_alocc"; arena = 1; size = 2; }',
             r":6: .*arena_alocc.*did you mean .arena_alloc"),
    "argument": ('{ symbol = "f"; role = "free"; block = 9; }', r":6: .*block.*1 to 6"),
    "lacking": ('{ symbol = "f"; role = "free"; }', r":6: .*free.*needs 'block'"),
    "grammar": ('{ symbol = ; }', r":6: syntax error"),
}


@without_bpf
@each(*MISTAKES)
def test_a_mistake_is_told_with_its_line(t, mistake):
    function, wanted = MISTAKES[mistake]
    path = t.fresh_path(".conf")
    path.write_text('# a comment\nallocators = ({\n  name = "x";\n  files = ["x"];\n'
                    f"  functions = (\n    {function}\n  );\n}});\n")
    process = t.run([heaptap.HEAPTAP, "probes", "--allocators", path, "/bin/true"])
    t.status(process, 2)
    t.check(re.search(re.escape(str(path)) + wanted, process.stderr), process.told())


@without_bpf
def test_a_preset_that_is_not_there_has_a_suggestion(t):
    process = t.run([heaptap.HEAPTAP, "probes", "--allocators", "tallok", "/bin/true"])
    t.status(process, 2)
    t.contains(process.stderr, "did you mean 'talloc'?", "stderr")


@without_bpf
def test_a_function_that_a_file_lacks_has_a_suggestion(t):
    config = declare_pool(t, 'symbol = "pool_aloc"')
    process = t.run([heaptap.HEAPTAP, "probes", "--allocators", config, heaptap.program("pool")])
    t.status(process, 0)
    t.check(re.search(r":10: no function 'pool_aloc' in it; did you mean 'pool_alloc'", process.stderr),
            process.told())
