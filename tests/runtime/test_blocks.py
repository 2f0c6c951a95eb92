# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kinds of blocks, suppressions, and blocks one by one: against what programs know of themselves, and
against LeakSanitizer."""
import re

import heaptap
from harness import each

BLOCK = re.compile(r"^BLOCK (\d+) (0x[0-9a-f]+) (\d+) (\d+) (\d+) ([0-9a-f]*)$", re.MULTILINE)


def tool(t, *argv, status=0, **how):
    finished = t.run([heaptap.HEAPTAP, *argv], **how)
    t.status(finished, status)
    return finished


def kind_sums(image):
    """Bytes and blocks of each kind, added up from the stacks."""
    found = {}
    for stack in image["stacks"]:
        bytes_, blocks = found.get(stack["kind"], (0, 0))
        found[stack["kind"]] = (bytes_ + stack["outstanding_bytes"], blocks + stack["outstanding_blocks"])
    return {kind: counts for kind, counts in found.items() if counts[1]}


def check_kinds(t, image):
    """The sums by kind are those of the stacks, and of the totals."""
    kinds, totals = dict(image["kinds"]), image["totals"]
    free = kinds.pop("free")
    t.equal((free["bytes"], free["blocks"]),
            (totals["bytes_allocated"] - totals["outstanding_bytes"], totals["frees"]), "what is free")
    t.equal({kind: (told["bytes"], told["blocks"]) for kind, told in kinds.items() if told["blocks"]},
            kind_sums(image), "kinds, and the sums over stacks")
    t.equal(sum(told["bytes"] for told in kinds.values()), totals["outstanding_bytes"], "sum of all kinds")


# ---- kinds


def test_what_the_runtime_allocates_for_itself_is_told_apart(t):
    tracing, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program("leak_new"), "new"])
    check_kinds(t, image)
    kinds = image["kinds"]
    t.equal((kinds["normal"]["bytes"], kinds["normal"]["blocks"]), (expect["bytes"], expect["blocks"]), "normal")
    t.equal(kinds["runtime"]["blocks"], 1, "libstdc++'s pool")


def test_text_leaves_the_runtimes_blocks_out_and_says_so(t):
    command = ["--", heaptap.program("leak_new"), "new"]
    told = tool(t, "run", *command).stderr
    t.contains(told, "in 1 block of the C and C++ runtime (see --all-kinds)", "the report")
    t.check("call_init" not in told, f"the pool's stack is shown:\n{told}")
    told = tool(t, "run", "--all-kinds", *command).stderr
    t.contains(told, "call_init", "the report of all kinds")
    t.check("left out" not in told, f"something is left out:\n{told}")


def test_what_the_runtime_makes_for_the_program_is_the_programs(t):
    tracing = heaptap.run(t, [heaptap.program("kinds")])
    image = tracing.only()
    check_kinds(t, image)
    of = {line: set() for line in ("keeps", "runtime")}
    for stack in image["stacks"]:
        for function in of:
            if heaptap.stack_has(stack, function) and stack["outstanding_blocks"]:
                of[function].add(stack["kind"])
    t.equal(of, {"keeps": {"normal"}, "runtime": {"runtime"}}, "kinds by the program's function")


def test_an_exit_code_is_not_for_what_is_left_out(t):
    command = ["--", heaptap.program("late_free"), "clean"]
    tool(t, "run", "--error-exitcode", "99", *command, status=0)
    tool(t, "run", "--error-exitcode", "99", "--all-kinds", *command, status=99)


def test_blocks_that_late_destructors_free_are_no_leaks(t):
    image = heaptap.run(t, [heaptap.program("late_free")]).only()
    normal = [stack for stack in image["stacks"] if stack["kind"] == "normal" and stack["outstanding_blocks"]]
    t.equal([stack["outstanding_bytes"] for stack in normal], [4321], "what is left")
    t.check(heaptap.stack_has(normal[0], "leak_in_truth"), f"another stack: {normal}")
    for size in (1001, 1002, 1003, 1004):
        freed = [stack["frees"] for stack in image["stacks"] if stack["bytes_allocated"] == size]
        t.equal(freed, [1], f"frees of the block of {size} bytes")


def test_statistics_are_those_of_json(t):
    recording = t.path("x.heaptap")
    tool(t, "run", "-o", recording, "--", heaptap.program("leak_new"), "new")
    text = tool(t, "report", "--statistics", recording).stdout
    (summary,) = heaptap.read_summaries(tool(t, "report", "-f", "json", recording).stdout)
    (image,) = summary["processes"]
    rows = {kind: (int(bytes_.replace(",", "")), int(blocks.replace(",", ""))) for kind, bytes_, blocks in
            re.findall(r"^ {4}(\w+) +([\d,]+) bytes? +([\d,]+) blocks?$", text, re.MULTILINE)}
    t.equal(rows, {kind: (told["bytes"], told["blocks"]) for kind, told in image["kinds"].items()}, "the table")
    totals = image["totals"]
    t.contains(text, f"largest amount in use: {totals['peak_outstanding_bytes']:,} bytes", "the table")
    t.contains(text, f"total allocated: {totals['bytes_allocated']:,} bytes", "the table")


# ---- suppressions

# each names some of the leaks of suppressed.cc, or none (but none of them malloc: the sanitizer's operator
# new does not call it)
SUPPRESSIONS = (
    "leak:foo", "leak:^foo$", "leak:foo$", "leak:^foo", "leak:app::plain", "leak:outer", "leak:a*c",
    "leak:^a*c$", "leak:a_b$", "leak:pool<int>::get", "leak:operator*", "leak:^operator new", "leak:calloc",
    "leak:suppressed.cc", "leak:programs/suppressed", "leak:libc.so", "leak:main", "leak:^main$", "leak:",
    "leak:*", "leak:nothing", "# leak:foo\n\nleak:outer\nleak:a_b_c", " leak:outer", "leak:outer \t",
    "leak:out er", "leak:$", "leak:^$", "leak:foofoo$", "leak:(unsigned long)$",
)


def leaks_by_sanitizer(t, suppressions):
    # "fast_unwind_on_malloc=0": whole stacks, through the C library too
    options = f"suppressions={suppressions}:print_suppressions=0:fast_unwind_on_malloc=0"
    finished = t.run(["/usr/bin/env", f"LSAN_OPTIONS={options}", "ASAN_OPTIONS=detect_leaks=1",
                      heaptap.program("suppressed_asan")])
    if "LeakSanitizer has encountered a fatal error" in finished.stderr:
        t.skip("LeakSanitizer cannot run here")
    return sorted(int(size) for size in re.findall(r"leak of (\d+) byte", finished.stderr))


def leaks_by_heaptap(t, recording, suppressions):
    told = tool(t, "report", "-f", "json", "--suppressions", suppressions, recording).stdout
    (summary,) = heaptap.read_summaries(told)
    check_kinds(t, summary["processes"][0])
    return sorted(stack["outstanding_bytes"] for stack in summary["processes"][0]["stacks"]
                  if stack["kind"] == "normal" and stack["outstanding_blocks"])


def test_suppressions_are_those_of_leak_sanitizer(t):
    recording, suppressions = t.path("x.heaptap"), t.path("suppressions")
    tool(t, "run", "-o", recording, "--", heaptap.program("suppressed"))
    suppressions.write_text("# nothing\n")
    everything = leaks_by_heaptap(t, recording, suppressions)
    t.equal(everything, [8, 1010, 1020, 1030, 1040, 1050, 1060, 1070], "the leaks without suppressions")
    differing = []
    for text in SUPPRESSIONS:
        suppressions.write_text(text)
        theirs, ours = leaks_by_sanitizer(t, suppressions), leaks_by_heaptap(t, recording, suppressions)
        if theirs != ours:
            differing.append(f"{text!r}: LeakSanitizer leaves {theirs}, heaptap {ours}")
    t.check(not differing, "\n".join(differing))


def test_suppressing_while_tracing_is_suppressing_the_recording(t):
    suppressions, live, recording = t.path("suppressions"), t.path("live"), t.path("x.heaptap")
    suppressions.write_text("leak:outer\nleak:^foo$\n")
    tool(t, "run", "-o", live, "-o", recording, "--suppressions", suppressions, "--",
         heaptap.program("suppressed"))
    t.contains(live.read_text(), "2.06 KiB in 2 blocks suppressed", "the report")
    t.equal(tool(t, "report", recording).stdout_bytes == live.read_bytes(), True, "whether they are the same")


def test_printed_suppressions_suppress_what_was_shown(t):
    recording, suppressions = t.path("x.heaptap"), t.path("suppressions")
    tool(t, "run", "-o", recording, "--", heaptap.program("suppressed"))
    tool(t, "report", "--print-suppressions", "-o", suppressions, recording)
    t.equal(len(re.findall("^leak:", suppressions.read_text(), re.MULTILINE)), 8, "suppressions")
    t.equal(leaks_by_heaptap(t, recording, suppressions), [], "what is left")
    t.equal(leaks_by_sanitizer(t, suppressions), [], "what LeakSanitizer finds")


def test_wrong_suppressions_are_refused_with_their_line(t):
    suppressions = t.path("suppressions")
    suppressions.write_text("leak:a\nrace:b\n")
    finished = tool(t, "run", "--suppressions", suppressions, "--", "/bin/true", status=2)
    t.contains(finished.stderr, f"{suppressions}:2 is no suppression", "the message")


def test_clients_have_their_name(t):
    tracing = heaptap.run(t, [heaptap.program("suppressed")], options=["--client", "mine=^outer$"])
    image = tracing.only()
    check_kinds(t, image)
    tagged = [(stack["tag"], stack["outstanding_bytes"]) for stack in image["stacks"] if stack["kind"] == "client"]
    t.equal(tagged, [("mine", 1070)], "what has the name")


# ---- blocks


def own_blocks(output):
    """What the program says of its blocks, by address."""
    return {address: {"number": int(number), "size": int(size), "line": int(line), "thread": int(tid),
                      "contents": contents}
            for number, address, size, line, tid, contents in BLOCK.findall(output)}


def start_blocks(t):
    program = t.start([heaptap.program("blocks")], stdin=None)
    t.until(lambda: "READY" in program.stdout, "the program's blocks")
    return program


def check_blocks(t, listed, wanted, with_contents):
    t.equal(len(listed), len(wanted), "blocks listed")
    for block in listed:
        told = wanted[block["address"]]
        t.equal({key: block[key] for key in ("number", "size", "line", "thread")},
                {key: told[key] for key in ("number", "size", "line", "thread")}, block["address"])
        t.check(block["file"].endswith("blocks.c") and block["function"] == "main", f"its caller: {block}")
        if with_contents:
            first = bytes.fromhex(told["contents"])[:16]
            t.equal(block["contents"], first.hex(), f"what {block['address']} holds")
            wanted_text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in first)
            t.equal(block["contents_text"], wanted_text, "the same as text")


def test_blocks_are_those_that_the_program_knows(t):
    tracing = heaptap.run(t, [heaptap.program("blocks")], options=["--blocks"])
    wanted = own_blocks(tracing.process.stdout)
    listed = tracing.only()["blocks"]
    check_blocks(t, listed, wanted, False)
    t.equal([block["size"] for block in listed], [700, 500, 40, 3], "largest first")
    t.equal([block["number"] for block in listed], [5, 4, 13, 14], "numbers")


def test_contents_are_read_while_the_program_runs(t):
    output, text = t.path("json"), t.path("text")
    tracing = t.start([heaptap.HEAPTAP, "run", "-i", "0.1", "--contents", "--blocks-by", "age", "-f", "json",
                       "-o", output, "--", heaptap.program("blocks")], stdin=None)
    t.until(lambda: "READY" in tracing.stdout, "the program's blocks")
    cnt = len(heaptap.read_summaries(output.read_text()))
    t.until(lambda: len(heaptap.read_summaries(output.read_text())) > cnt + 1, "two more summaries")
    tracing.popen.stdin.close()
    tracing.wait()
    t.status(tracing, 0)
    summaries = heaptap.read_summaries(output.read_text())
    running = [image for summary in summaries for image in summary["processes"] if image["state"] == "running"]
    listed = running[-1]["blocks"]
    check_blocks(t, listed, own_blocks(tracing.stdout), True)
    t.equal([block["number"] for block in listed], [4, 5, 13, 14], "oldest first")
    (ended,) = summaries[-1]["processes"]
    t.equal({block["contents"] for block in ended["blocks"]}, {None}, "contents after the end")


def test_no_byte_of_a_block_reaches_a_terminal(t):
    live, recording = t.path("live"), t.path("x.heaptap")
    tracing = t.start([heaptap.HEAPTAP, "run", "-i", "0.1", "--contents=32", "-o", live, "-o", recording, "--",
                       heaptap.program("blocks")], stdin=None)
    t.until(lambda: "READY" in tracing.stdout, "the program's blocks")
    t.until(lambda: b"Hello, world!..." in live.read_bytes(), "its contents")
    tracing.popen.stdin.close()
    tracing.wait()
    t.status(tracing, 0)
    told = live.read_bytes()
    t.contains(told.decode(), "1b 5b 32 4a 1b 5d 30 3b", "the report")
    t.equal([byte for byte in told if byte < 32 and byte != 10 or byte > 126], [], "bytes that a terminal obeys")
    t.equal(tool(t, "report", recording).stdout_bytes == told, True, "whether the recording is the same")


@each(["--blocks=2"], ["--blocks=2", "--blocks-by", "age"], ["--blocks=0"], ["--blocks=3", "--all-kinds"])
def test_a_recording_has_the_blocks_that_were_listed(t, options):
    live, recording = t.path("live"), t.path("x.heaptap")
    tool(t, "run", *options, "-o", live, "-o", recording, "--", heaptap.program("leak_new"), "new")
    shown = [option for option in options if option == "--all-kinds"]
    t.equal(tool(t, "report", *shown, recording).stdout_bytes == live.read_bytes(), True,
            "whether they are the same")
    cnt = {"--blocks=2": 2, "--blocks=0": 7, "--blocks=3": 3}[options[0]]
    t.equal(len(re.findall(r"^  \{\d+\}", live.read_text(), re.MULTILINE)), cnt, "blocks listed")


def test_suppressed_blocks_are_not_listed(t):
    suppressions = t.path("suppressions")
    suppressions.write_text("leak:outer\n")
    tracing = heaptap.run(t, [heaptap.program("suppressed")],
                          options=["--blocks", "--suppressions", suppressions])
    sizes = [block["size"] for block in tracing.only()["blocks"]]
    t.equal(sizes, [1060, 1050, 1040, 1030, 1020, 1010, 8], "sizes of the blocks listed")
