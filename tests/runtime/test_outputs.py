# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Recordings and the formats of other people's tools, of real processes."""
import json
import os
import re
import shutil
import signal
import stat
import sys

import heaptap
from harness import each, without_bpf
from puppet import Puppet

FORMATS = ("text", "json", "folded", "pprof", "massif", "html")
CHECKER = heaptap.ROOT / "tests/unit/check_formats.py"
HOSTILE = "evil;#\x1b[31m\n\udcff name"  # a separator, a comment, a colour, a line end, no UTF-8


def tool(t, *argv, status=0, **how):
    finished = t.run([heaptap.HEAPTAP, *argv], **how)
    t.status(finished, status)
    return finished


def report(t, recording, *options, status=0):
    return tool(t, "report", recording, *options, status=status).stdout_bytes


def leak_recording(t, name="x.heaptap", rows=("malloc",)):
    path = t.path(name)
    rows = " ".join(rows)
    command = ["/bin/sh", "-c", f"for row in {rows}; do {heaptap.program('leak')} $row; done"]
    tool(t, "run", "-o", path, "--", *command)
    return path


def in_all_formats(t, recording, *options):
    """The recording's last snapshot in each format: paths by name."""
    paths = {name: t.fresh_path(f".{name}") for name in FORMATS}
    for name, path in paths.items():
        report(t, recording, *options, "-f", name, "-o", path)
    return paths


def check_formats(t, paths):
    found = t.run([sys.executable, CHECKER, *(paths[name] for name in ("json", "folded", "pprof", "massif"))])
    t.status(found, 0)


def sum_of(paths, field):
    (summary,) = heaptap.read_summaries(paths["json"].read_text())
    return sum(stack[field] for image in summary["processes"] for stack in image["stacks"])


# ---- round trip


@each(*FORMATS)
def test_report_gives_what_the_run_gave(t, name):
    live, recording = t.path("live"), t.path("x.heaptap")
    rows = "malloc calloc realloc-move posix_memalign"
    command = ["/bin/sh", "-c", f"for row in {rows}; do {heaptap.program('leak')} $row; done"]
    tool(t, "run", "-f", name, "-o", live, "-o", recording, "--", *command)
    t.check(live.stat().st_size > 100, "the run gave next to nothing")
    t.equal(report(t, recording, "-f", name) == live.read_bytes(), True, "whether they are the same")


def test_a_name_tells_the_format(t):
    """Of a run, and of report, each of several files gets what -f gives; -f itself goes before."""
    endings = {"x.txt": "text", "x.json": "json", "x.jsonl": "json", "x.folded": "folded", "x.pb.gz": "pprof",
               "x.massif": "massif", "x.html": "html"}
    recording = t.path("x.heaptap")
    for verb, *rest in (("run", "-o", recording, "--", heaptap.program("leak"), "malloc"), ("report", recording)):
        for some in (list(endings)[:4], list(endings)[4:]):
            files = [t.path(name) for name in some]
            tool(t, verb, *(word for file in files for word in ("-o", file)), *rest)
            for file in files:
                t.equal(report(t, recording, "-f", endings[file.name]) == file.read_bytes(), True,
                        f"{verb}: whether {file.name} is {endings[file.name]}")
    tool(t, "report", recording, "-f", "json", "-o", t.path("y.html"))
    t.equal(t.path("y.html").read_bytes() == t.path("x.json").read_bytes(), True, "whether -f goes before the name")


@each(*FORMATS)
def test_report_gives_what_an_attach_gave_over_time(t, name):
    live, recording = t.path("live"), t.path("x.heaptap")
    puppet = Puppet(t)
    tracing = t.start([heaptap.HEAPTAP, "attach", "-i", "0.1", "-f", name, "-o", live, "-o", recording,
                       puppet.pid])
    t.until(lambda: recording.exists() and recording.stat().st_size > 100, "a snapshot")
    for cnt in (10, 200, 30):
        puppet.tell(f"alloc {cnt} 100", f"free {cnt // 2}")
        size = recording.stat().st_size
        t.until(lambda: recording.stat().st_size > size, "one more snapshot")
    tracing.signal(signal.SIGINT)
    tracing.wait()
    t.status(tracing, 0)
    t.equal(report(t, recording, "-f", name) == live.read_bytes(), True, "whether they are the same")


@each(["-n", "1"], ["--sort", "blocks", "-n", "0"], ["--min-bytes", "1K"], ["-v"], ["--color", "always"])
def test_options_of_report_are_those_of_the_run(t, options):
    live, recording = t.path("live"), t.path("x.heaptap")
    tool(t, "run", *options, "-o", live, "-o", recording, "--", heaptap.program("leak"), "malloc")
    t.equal(report(t, recording, *options) == live.read_bytes(), True, "whether they are the same")


def test_min_age_is_recorded(t):
    live, recording = t.path("live"), t.path("x.heaptap")
    tool(t, "run", "--min-age", "30", "-o", live, "-o", recording, "--", heaptap.program("leak"), "malloc")
    t.contains(live.read_text(), "at least 30", "the report")
    t.equal(report(t, recording) == live.read_bytes(), True, "whether they are the same")


def test_report_needs_no_root(t):
    t.need("setpriv")
    recording = leak_recording(t)
    own = t.path("heaptap")
    shutil.copy(heaptap.HEAPTAP, own)
    finished = t.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                      own, "report", recording])
    t.status(finished, 0)
    t.contains(finished.stdout, "leak_inner", "the report")


# ---- tools that the formats are for


@each(("alloc_objects", "allocs"), ("alloc_space", "bytes_allocated"),
      ("inuse_objects", "outstanding_blocks"), ("inuse_space", "outstanding_bytes"))
def test_pprof_adds_up_to_what_json_says(t, case):
    t.need("go")
    index, field = case
    paths = in_all_formats(t, leak_recording(t, rows=("malloc", "calloc", "realloc-move")))
    top = t.run(["go", "tool", "pprof", "-top", "-unit=B", f"-sample_index={index}", paths["pprof"]])
    t.status(top, 0)
    total = re.search(r"of (\d+)B? total$", top.stdout, re.MULTILINE)
    t.check(total, f"no total: {top.stdout}")
    t.equal(int(total[1]), sum_of(paths, field), f"total {index}")


def test_pprof_names_program_build_and_lines(t):
    t.need("go", "readelf")
    paths = in_all_formats(t, leak_recording(t))
    raw = t.run(["go", "tool", "pprof", "-raw", paths["pprof"]])
    t.status(raw, 0)
    leak = heaptap.program("leak")
    build_id = re.search(r"Build ID: (\w+)", t.run(["readelf", "-n", leak]).stdout)[1]
    t.contains(raw.stdout, f"{leak} {build_id} [FN][FL][LN][IN]", "pprof -raw")
    t.check(re.search(r"by_malloc \S*/leak\.c:\d+", raw.stdout), f"no line of by_malloc: {raw.stdout}")
    listed = t.run(["go", "tool", "pprof", "-list", "leak_inner", paths["pprof"]])
    t.status(listed, 0)
    t.contains(listed.stdout, "ROUTINE", "pprof -list")


def test_ms_print_draws_a_run(t):
    t.need("ms_print")
    puppet = Puppet(t)
    path = t.path("massif")
    tracing = t.start([heaptap.HEAPTAP, "attach", "-i", "0.1", "-f", "massif", "-o", path, puppet.pid])

    def snapshots():
        return path.read_text().count("snapshot=") if path.exists() else 0

    for command in ("alloc 10 1000", "alloc 100 1000", "free 60", "free 40"):
        cnt = snapshots()
        t.until(lambda: snapshots() > cnt, "one more snapshot")
        puppet.tell(command)
    tracing.signal(signal.SIGINT)
    tracing.wait()
    drawn = t.run(["ms_print", path])
    t.status(drawn, 0)
    peak = re.search(r"(\d+) \(peak\)", drawn.stdout)
    t.check(peak, f"no peak: {drawn.stdout}")
    row = re.search(rf"^ +{peak[1]} +[\d,]+ +([\d,]+)", drawn.stdout, re.MULTILINE)
    t.check(100000 <= int(row[1].replace(",", "")) <= 110000, f"peak: {row[0]}")
    t.contains(drawn.stdout, "leak_inner (puppet.c:", "ms_print")


# ---- names and numbers that are hard


def hostile_program(t):
    """The leak program with functions, a folder and a command name that attack what shows them."""
    folder = t.path(HOSTILE)
    folder.mkdir()
    path = folder / "evil;#\x1b[2J"
    renames = [f"--redefine-sym=leak_{part}={HOSTILE}{part}" for part in ("inner", "outer")]
    t.status(t.run(["objcopy", "--strip-debug", *renames, heaptap.program("leak"), path]), 0)
    return path


def test_hostile_names_leave_every_format_valid(t):
    t.need("objcopy", "go", "ms_print")
    recording = t.path("x.heaptap")
    tool(t, "run", "-o", recording, "--", hostile_program(t), "malloc")
    paths = in_all_formats(t, recording)
    check_formats(t, paths)
    said = [paths["text"].read_text(), t.run(["ms_print", paths["massif"]]).stdout]
    for options in (["-top"], ["-raw"], ["-tags"]):
        finished = t.run(["go", "tool", "pprof", *options, paths["pprof"]])
        t.status(finished, 0)
        said.append(finished.stdout)
    for text in said:
        t.check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), f"a control character: {text!r}")
    t.contains(paths["folded"].read_text(), r"evil\x3b#\x1b[31m\x0a\xff nameouter;evil\x3b", "folded")
    t.contains(said[1], r"evil;\x23\x1b[31m\x0a\xff nameinner", "ms_print")
    t.contains(said[2], r"evil;#\x1b[31m\x0a\xff nameouter", "pprof -top")


def test_a_hundred_thousand_stacks_leave_every_format_valid(t):
    """Each format is read as a whole; the largest three thousand are compared stack by stack."""
    t.need("go", "ms_print")
    cnt = 100000
    recording = t.path("x.heaptap")
    tool(t, "run", "--ring-size", "256M", "-o", recording, "--", heaptap.program("many_stacks"), cnt)
    t.check(recording.stat().st_size < 16 << 20, f"{recording.stat().st_size} bytes of recording")
    paths = in_all_formats(t, recording)
    lines = [line for line in paths["folded"].read_text().splitlines() if "branch_" in line]
    t.equal(len(set(lines)), cnt, "different folded stacks")
    t.equal(sum(int(line.rpartition(" ")[2]) for line in lines), 24 * cnt, "bytes in them")
    total = sum_of(paths, "outstanding_bytes")
    top = t.run(["go", "tool", "pprof", "-top", "-unit=B", paths["pprof"]]).stdout
    t.contains(top, f" {total}B total", "pprof -top")
    t.contains(t.run(["ms_print", paths["massif"]]).stdout, f"({total:,}B) (heap", "ms_print")
    check_formats(t, in_all_formats(t, recording, "-n", "3000"))


# ---- recording


def test_a_killed_record_leaves_its_snapshots(t):
    puppet = Puppet(t)
    recording = t.path("x.heaptap")
    tracing = t.start([heaptap.HEAPTAP, "record", "-i", "0.05", "-o", recording, puppet.pid])
    t.until(lambda: recording.exists() and recording.stat().st_size > 2000, "some snapshots")
    puppet.tell("alloc 10 1000")
    size = recording.stat().st_size
    t.until(lambda: recording.stat().st_size > size + 2000, "some more")
    tracing.signal(signal.SIGKILL)
    tracing.wait()
    listed = report(t, recording, "--list").decode().splitlines()
    t.check(len(listed) > 3, f"snapshots: {listed}")
    summaries = heaptap.read_summaries(report(t, recording, "-f", "json").decode())
    t.equal(len(summaries), len(listed), "snapshots that can be read")
    t.equal(summaries[-1]["processes"][0]["totals"]["outstanding_bytes"], 10000, "outstanding in the last")


def test_record_drops_the_oldest(t):
    puppet = Puppet(t)
    recording = t.path("x.heaptap")
    tracing = t.start([heaptap.HEAPTAP, "record", "-i", "0.02", "--max-size", "4K", "-o", recording,
                       puppet.pid])
    inodes = set()

    def has_been_replaced():
        if recording.exists():
            inodes.add(recording.stat().st_ino)
            t.check(recording.stat().st_size <= 4096, f"{recording.stat().st_size} bytes")
        return len(inodes) > 3

    t.until(has_been_replaced, "the file to be replaced three times")
    tracing.signal(signal.SIGINT)
    tracing.wait()
    t.status(tracing, 0)
    summaries = heaptap.read_summaries(report(t, recording, "-f", "json").decode())
    t.equal(summaries[-1]["kind"], "final", "kind of the last snapshot")
    uptimes = [summary["uptime_s"] for summary in summaries]
    t.check(uptimes == sorted(uptimes) and uptimes[0] > 0.05, f"uptimes: {uptimes}")


def test_record_of_a_command(t):
    finished = tool(t, "record", "--", heaptap.program("leak"), "malloc", cwd=t.directory)
    (expect,) = heaptap.read_expects(finished.stdout)
    (summary,) = heaptap.read_summaries(report(t, t.path("recording.heaptap"), "-f", "json").decode())
    heaptap.check_totals(t, summary["processes"][0], expect)


def test_snapshots_are_picked_by_number(t):
    puppet = Puppet(t)
    recording = t.path("x.heaptap")
    tracing = t.start([heaptap.HEAPTAP, "record", "-i", "0.1", "-o", recording, puppet.pid])
    t.until(lambda: recording.exists() and recording.stat().st_size > 1000, "some snapshots")
    tracing.signal(signal.SIGINT)
    tracing.wait()
    summaries = heaptap.read_summaries(report(t, recording, "-f", "json").decode())
    for number, wanted in ((1, summaries[0]), (2, summaries[1]), (-1, summaries[-1])):
        found = heaptap.read_summaries(report(t, f"{recording}:{number}", "-f", "json").decode())
        t.equal(found, [wanted], f"snapshot {number}")
    report(t, f"{recording}:{len(summaries) + 1}", status=5)
    shutil.copy(recording, f"{recording}:1")  # a file of that name is that file
    found = heaptap.read_summaries(report(t, f"{recording}:1", "-f", "json").decode())
    t.equal(len(found), len(summaries), "snapshots of a file that is called so")


# ---- difference


def grown(t):
    """A recording of a puppet before and after it allocated 10,000 bytes and freed 2,000."""
    puppet = Puppet(t)
    recording = t.path("x.heaptap")
    tracing = t.start([heaptap.HEAPTAP, "record", "-i", "0.1", "-o", recording, puppet.pid])
    t.until(lambda: recording.exists() and recording.stat().st_size > 100, "tracing")
    puppet.tell("thread 0 0", "alloc 20 100")  # what the C library keeps for threads is there then
    size = recording.stat().st_size
    t.until(lambda: recording.stat().st_size > size + 400, "snapshots of that")
    cnt = len(report(t, recording, "--list").splitlines())
    puppet.tell("free 20", "thread 10 1000")
    tracing.signal(signal.SIGINT)
    tracing.wait()
    return f"{recording}:{cnt}", recording


def test_diff_tells_what_is_new_and_gone(t):
    old, new = grown(t)
    found = json.loads(tool(t, "diff", "-f", "json", old, new).stdout)
    t.equal(found["growth_bytes"], 8000, "growth")
    changes = [(stack["change"], stack["growth_bytes"], stack["growth_blocks"]) for stack in found["stacks"]]
    t.equal(changes, [("new", 10000, 10), ("gone", -2000, -20)], "stacks")
    t.check(heaptap.stack_has(found["stacks"][0], "leak_outer"), "leak_outer is not in the new stack")
    text = tool(t, "diff", old, new).stdout
    for part in ("1 new, 0 grown, 0 shrunk, 1 gone", "+10 blocks, new", "-20 blocks, gone", "leak_inner"):
        t.contains(text, part, "the difference")


def test_diff_leaves_out_what_is_suppressed(t):
    old, new = grown(t)
    rules = t.path("rules")
    rules.write_text("leak:allocate_in_thread\n")
    found = json.loads(tool(t, "diff", "-f", "json", "--suppressions", rules, "--fail-above", "0", old, new).stdout)
    t.equal([stack["change"] for stack in found["stacks"]], ["gone"], "changes")
    t.equal((found["growth_bytes"], found["new"]["left_out_bytes"] >= 10000), (-2000, True), "growth, left out")
    found = json.loads(tool(t, "diff", "-f", "json", "--suppressions", rules, "--all-kinds", old, new).stdout)
    t.equal([(stack["change"], stack["kind"]) for stack in found["stacks"]],
            [("new", "ignored"), ("gone", "normal")], "changes and kinds")
    t.equal(found["growth_bytes"], 8000, "growth of all kinds")


@each((7999, 7), (8000, 0), (0, 7))
def test_diff_fails_above_a_growth(t, case):
    limit, status = case
    old, new = grown(t)
    tool(t, "diff", "--fail-above", limit, old, new, status=status)
    tool(t, "diff", "--fail-above", limit, new, old)


def whole_recording(t, name):
    """Of a run without a stack that ends early, because the machine was too busy to load the rows in time."""
    for _ in range(10):
        path = leak_recording(t, name)
        last = json.loads(report(t, path, "-f", "json").splitlines()[-1])
        if not any(image["stacks_truncated"]["late_rows"] for image in last["processes"]):
            return path
        path.unlink()
    return t.skip("in ten runs the rows of a file always came late")


def test_diff_of_two_runs_is_nothing(t):
    """The second has other addresses and another pid."""
    old, new = whole_recording(t, "old.heaptap"), whole_recording(t, "new.heaptap")
    found = json.loads(tool(t, "diff", "-f", "json", "--fail-above", "0", old, new).stdout)
    t.equal(found["stacks"], [], "stacks that changed")
    t.check(found["stacks_total"]["same"] > 0, "no stack is the same")


# ---- files


def test_a_profile_is_replaced_as_a_whole(t):
    """Each summary replaces it at once; mode and link stay."""
    puppet = Puppet(t)
    target, link = t.path("target"), t.path("link")
    target.touch(mode=0o640)
    target.chmod(0o640)
    link.symlink_to(target)
    tracing = t.start([heaptap.HEAPTAP, "attach", "-i", "0.05", "-f", "pprof", "-o", link, puppet.pid])
    inodes = set()

    def is_replaced():
        bytes_ = target.read_bytes()
        t.check(not bytes_ or bytes_[:2] == b"\x1f\x8b", "no gzip file")
        inodes.add(target.stat().st_ino)
        return len(inodes) > 4

    t.until(is_replaced, "the profile to be replaced some times")
    tracing.signal(signal.SIGINT)
    tracing.wait()
    t.status(tracing, 0)
    t.check(link.is_symlink(), "the link is gone")
    t.equal(stat.S_IMODE(target.stat().st_mode), 0o640, "mode")
    t.equal(sorted(path.name for path in t.directory.glob("*.new")), [], "files that were left behind")


@each("as.pprof", "as.heaptap", "as.text")
def test_a_file_that_was_there_stays_its_owners(t, name):
    recording, path = leak_recording(t), t.path(name)
    path.touch(mode=0o640)
    os.chown(path, 65534, 65534)
    report(t, recording, "-f", "pprof" if name == "as.pprof" else "text", "-o", path)
    found = path.stat()
    t.equal((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), (65534, 65534, 0o640), "owner and mode")


@each("attach", "spy")
def test_waiting_for_a_fifos_reader_is_ended_by_a_signal(t, subcommand):
    path = t.path("fifo")
    os.mkfifo(path)
    waiting = t.start([heaptap.HEAPTAP, subcommand, "-o", path, Puppet(t).pid])

    def opens():
        with open(f"/proc/{waiting.pid}/syscall", encoding="ascii") as call:
            words = call.read().split()
        return words[0] == "257" and int(words[3], 16) & os.O_WRONLY  # openat(2)

    t.until(opens, "it to wait for a reader")
    waiting.signal(signal.SIGINT)
    waiting.wait(10)
    t.status(waiting, 128 + signal.SIGINT)


def test_messages_do_not_go_into_a_file_in_place_of_a_closed_stderr(t):
    path = t.path("x.heaptap")
    t.status(t.run(["sh", "-c", f"exec {heaptap.HEAPTAP} run -v -o {path} -- true 2>&-"]), 0)
    t.contains(tool(t, "report", "--list", path).stdout, "1 process", "report --list")


def test_a_limit_of_a_files_size_is_an_error_of_writing(t):
    words = f"run -f json -o {t.path('x.json')} -- {heaptap.program('many_stacks')} 2000"
    finished = t.run(["sh", "-c", f"ulimit -f 1; exec {heaptap.HEAPTAP} {words}"])
    t.status(finished, 6)
    t.contains(finished.stderr, "x.json: File too large", "stderr")
    t.contains(finished.stderr, "final summary", "stderr: what was measured")


def test_a_list_that_cannot_be_written_is_told(t):
    path = leak_recording(t)
    finished = t.run(["sh", "-c", f"{heaptap.HEAPTAP} report --list {path} > /dev/full"])
    t.status(finished, 6)
    t.contains(finished.stderr, "No space left on device", "stderr")


def test_a_device_is_written_to_not_replaced(t):
    recording = leak_recording(t)
    report(t, recording, "-f", "pprof", "-o", "/dev/null")
    t.check(stat.S_ISCHR(os.stat("/dev/null").st_mode), "/dev/null is no device any more")
    piped = report(t, recording, "-f", "pprof", "-o", "/dev/stdout")
    t.equal(piped[:2], b"\x1f\x8b", "what came through /dev/stdout")


def test_binary_is_refused_to_a_terminal(t):
    t.need("script")
    recording = leak_recording(t)
    finished = t.run(["script", "-qec", f"{heaptap.HEAPTAP} report -f pprof {recording}", "/dev/null"])
    t.status(finished, 2)
    t.contains(finished.stdout, "-o FILE", "what it says")
    t.check("\x1f" not in finished.stdout, "binary on a terminal")


@without_bpf
def test_wrong_recordings_are_told_apart(t):
    path = t.path("x.heaptap")
    t.contains(tool(t, "report", path, status=5).stderr, "No such file", "what it says")
    path.write_bytes(b"something else")
    t.contains(tool(t, "report", path, status=5).stderr, "no recording", "what it says")
    head = b"\x89HTAP\r\n\x1a"
    path.write_bytes(head + b"\x02\0\0\0")
    t.contains(tool(t, "report", path, status=5).stderr, "newer heaptap", "what it says")
    path.write_bytes(head + b"\x01\0\0\0")
    t.contains(tool(t, "report", path, status=5).stderr, "no snapshot", "what it says")
    path.write_bytes(head + b"\x01\0\0\0" + b"SNAP" + b"\xff" * 12)
    finished = tool(t, "report", path, status=5)
    t.contains(finished.stderr, "ends within a snapshot", "what it says")


@without_bpf
@each(("report",), ("report", "a", "b"), ("diff", "a"), ("diff", "-f", "pprof", "a", "b"),
      ("record", "-o", "x.txt", "1"), ("record", "--comm", "x", "1"), ("record", "--no-children", "1"))
def test_wrong_usage(t, arguments):
    tool(t, *arguments, status=2)
