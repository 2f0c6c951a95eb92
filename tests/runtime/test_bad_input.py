# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What can't be done is said clearly, with the documented exit code, and harms nothing."""
import os
import pwd
import shutil
import signal
import struct

import heaptap
from harness import each, without_bpf
from puppet import Puppet

TRACING, USAGE, PRIVILEGE, KERNEL, TARGET, OUTPUT = 1, 2, 3, 4, 5, 6
NOT_EXECUTABLE, NOT_FOUND = 126, 127


def check_refused(t, status, words, *said, **how):
    finished = t.run([heaptap.HEAPTAP, *words], **how)
    t.status(finished, status)
    t.check(finished.stderr.startswith("heaptap: "), f"stderr does not begin with heaptap:\n{finished.stderr}")
    for part in said:
        t.contains(finished.stderr, str(part), "stderr")
    return finished


# ---- usage ----

BAD_VALUES = {
    "interval": ("x", "-1", "", "1e", "nan", "inf"), "duration": ("x", "-0.5"), "top": ("x", "-3", "1.5"),
    "min-age": ("old", "-1"), "min-bytes": ("10Q", "-1", "99999999999999999999"),
    "sort": ("size", ""), "format": ("xml", ""), "color": ("purple",), "ring-size": ("3", "5000", "x", "0"),
    "link": ("kprobe",), "user": ("no-such-user-here",),
}


@each(*((option, value) for option, values in BAD_VALUES.items() for value in values))
@without_bpf
def test_value_of_an_option(t, case):
    option, value = case
    check_refused(t, USAGE, ["watch", f"--{option}={value}", "--", "/nonexistent/file"], option)


@each("x", "-1", "256")
@without_bpf
def test_value_of_error_exitcode(t, value):
    check_refused(t, USAGE, ["run", f"--error-exitcode={value}", "--", "true"], "error-exitcode")


@each("x", "-1", "0", "4294967297")
@without_bpf
def test_value_of_thread(t, value):
    check_refused(t, USAGE, ["spy", f"--thread={value}", "--", "true"], "thread")


@each([], ["frobnicate"], ["run"], ["run", "--"], ["attach"], ["watch", "--frobnicate", "/nonexistent"],
      ["watch", "-Z", "/nonexistent"], ["attach", "--interval"], ["doctor", "surplus"],
      ["run", "--comm", "x", "--", "true"])
@without_bpf
def test_usage(t, words):
    finished = t.run([heaptap.HEAPTAP, *words])
    t.status(finished, USAGE)
    t.check(finished.stderr.strip(), "nothing is said")


@each(["-Zv"], ["-vZ"], ["--check", "-Zv"], ["-Z"])
@without_bpf
def test_letter_that_is_no_option_is_named(t, words):
    check_refused(t, USAGE, ["attach", *words, "1"], "'-Z' is no option of attach")


@each("--help", "--version", "attach --help", "probes /usr/lib/x86_64-linux-gnu/libc.so.6")
@without_bpf
def test_full_disk_behind_what_a_command_prints(t, words):
    finished = t.run(["sh", "-c", f"{heaptap.HEAPTAP} {words} > /dev/full"])
    t.status(finished, OUTPUT)
    t.contains(finished.stderr, "No space left on device", "stderr")


@each("abc", "0", "-5", "12x", "99999999999999", "")
@without_bpf
def test_pid_that_is_no_number(t, pid):
    words = ["attach", "--", pid]
    check_refused(t, USAGE, words, pid)


# ---- targets ----

def test_fifo_is_not_waited_for(t):
    os.mkfifo(t.directory / "fifo")
    check_refused(t, TARGET, ["watch", t.directory / "fifo"], "fifo", seconds=20)


def test_pid_that_is_not_there(t):
    gone = t.run(["true"]).pid
    check_refused(t, TARGET, ["attach", gone], gone, "process")


@without_bpf
def test_number_that_no_process_can_have(t):
    """Cut to 32 bits it is 1's."""
    check_refused(t, TARGET, ["probes", str((1 << 32) + 1)], "there is no process 4294967297")


def test_pid_that_is_not_there_beside_one_that_is(t):
    gone, puppet = t.run(["true"]).pid, Puppet(t)
    check_refused(t, TARGET, ["attach", puppet.pid, gone], gone)
    t.equal(puppet.end(), 0, "the other process's exit status")


def test_pid_of_a_zombie(t):
    puppet = Puppet(t)
    puppet.process.popen.stdin.close()

    def is_zombie():
        with open(f"/proc/{puppet.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"

    t.until(is_zombie, "the process's end")
    check_refused(t, TARGET, ["attach", puppet.pid], puppet.pid)


def test_pid_that_exits_during_attach(t):
    """Each exits at another moment of the attaching: heaptap ends by itself, with a documented code."""
    for delay in ("0", "0.02", "0.05", "0.1", "0.2", "0.4"):
        target = t.start(["/bin/sh", "-c", f"sleep {delay}; exit 3"])
        finished = t.run([heaptap.HEAPTAP, "attach", target.pid], seconds=20)
        t.check(finished.status in (0, TARGET), f"after {delay} s: {finished.told()}")


def test_pid_of_a_kernel_thread(t):
    with open("/proc/2/comm", encoding="ascii") as comm:
        if comm.read() != "kthreadd\n":
            t.skip("process 2 is not the kernel's here")
    check_refused(t, TARGET, ["attach", "2"], "2")


def test_process_of_32_bits(t):
    if not heaptap.program("bits32").exists():
        t.skip("not built for this machine")
    target = t.start([heaptap.program("bits32")], stdin=None)
    t.until(lambda: os.readlink(f"/proc/{target.pid}/exe").endswith("bits32"), "its start")
    check_refused(t, TARGET, ["attach", target.pid], "32-bit")
    target.popen.stdin.close()
    t.equal(target.wait(), 7, "its exit status")


@each("run", "watch", "probes")
def test_program_of_32_bits(t, subcommand):
    if not heaptap.program("bits32").exists():
        t.skip("not built for this machine")
    check_refused(t, TARGET, [subcommand, heaptap.program("bits32")], "32-bit")


@each("run", "watch", "probes")
def test_stripped_static_program(t, subcommand):
    finished = check_refused(t, TARGET, [subcommand, heaptap.program("leak_stripped")], "allocator")
    t.check("EXPECT" not in finished.stdout, "the command ran in spite of it")


def elf_header(**changes):
    """An ELF64 header (gABI, chapter 4) for x86-64, with fields changed."""
    fields = {"ident": b"\x7fELF\x02\x01\x01" + bytes(9), "type": 3, "machine": 62, "version": 1, "entry": 0,
              "phoff": 64, "shoff": 0, "flags": 0, "ehsize": 64, "phentsize": 56, "phnum": 0,
              "shentsize": 64, "shnum": 0, "shstrndx": 0}
    fields.update(changes)
    return struct.pack("<16sHHIQQQIHHHHHH", *fields.values())


BAD_FILES = {
    "text": b"root:x:0:0:root:/root:/bin/bash\n",
    "empty": b"",
    "magic only": b"\x7fELF",
    "header only": elf_header(),
    "section table beyond the end": elf_header(shoff=1 << 40, shnum=10),
    "segment table beyond the end": elf_header(phoff=1 << 40, phnum=60000),
    "another machine": elf_header(machine=243),
    "zeros": bytes(100000),
}


@each(*((subcommand, name) for subcommand in ("watch", "probes") for name in BAD_FILES))
def test_file_that_cannot_be_probed(t, case):
    subcommand, name = case
    path = t.path("bad-file")
    path.write_bytes(BAD_FILES[name])
    check_refused(t, TARGET, [subcommand, path], "bad-file")


@each("watch", "probes")
def test_truncated_library(t, subcommand):
    path = t.path("cut.so")
    data = heaptap.program("liballoc_ours.so").read_bytes()
    for size in (70, 1000, len(data) // 2, len(data) - 10):
        path.write_bytes(data[:size])
        finished = t.run([heaptap.HEAPTAP, subcommand, *(["-d", "0.1"] if subcommand == "watch" else []), path])
        t.check(finished.status in (0, TARGET), f"cut to {size} bytes: {finished.told()}")


@each("watch", "probes")
def test_file_without_an_allocator(t, subcommand):
    path = t.path("no-allocator")
    source = t.path("no-allocator.c")
    source.write_text("int answer(void) { return 42; }\n")
    t.status(t.run(["gcc", "-shared", "-nostdlib", "-o", path, source]), 0)
    check_refused(t, TARGET, [subcommand, path], "no-allocator", "allocator")


@each("watch", "probes")
def test_file_that_is_not_there(t, subcommand):
    check_refused(t, TARGET, [subcommand, t.path("absent")], "absent")


@each("watch", "probes")
def test_directory(t, subcommand):
    check_refused(t, TARGET, [subcommand, t.directory], t.directory.name)


def test_cgroup_that_is_not_there(t):
    finished = t.run([heaptap.HEAPTAP, "watch", "--cgroup", "/sys/fs/cgroup/absent",
                      heaptap.program("liballoc_ours.so")])
    t.check(finished.status in (USAGE, TARGET), finished.told())
    t.contains(finished.stderr, "absent", "stderr")


# ---- commands ----

def test_command_that_is_not_found(t):
    check_refused(t, NOT_FOUND, ["run", "--", "no-such-command-here"], "no-such-command-here")


def test_command_whose_path_is_not_there(t):
    check_refused(t, NOT_FOUND, ["run", "--", t.path("absent")], "absent")


@each("file", "directory", "garbage")
def test_command_that_is_not_executable(t, kind):
    path = t.path("command")
    if kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"\x7fELFnonsense" if kind == "garbage" else b"#!/bin/sh\n")
        path.chmod(0o755 if kind == "garbage" else 0o644)
    check_refused(t, NOT_EXECUTABLE, ["run", "--", path], "command")


# ---- privilege and kernel ----

def readable_heaptap(t):
    """A copy that other users can execute."""
    copy = t.path("heaptap")
    shutil.copy(heaptap.HEAPTAP, copy)
    copy.chmod(0o755)
    return copy


@each("attach", "watch", "run")
def test_user_without_privilege(t, subcommand):
    nobody = pwd.getpwnam("nobody")
    library = heaptap.program("liballoc_ours.so")
    arguments = {"attach": [Puppet(t).pid], "watch": [library], "run": ["--", "true"]}[subcommand]
    finished = t.run([readable_heaptap(t), subcommand, *arguments], user=nobody.pw_uid, group=nobody.pw_gid,
                     extra_groups=[])
    t.status(finished, PRIVILEGE)
    t.contains(finished.stderr, "CAP_", "stderr")
    t.contains(finished.stderr, "sudo", "stderr")


@each("x.heaptap", "x.txt", "x.pprof")
def test_who_may_not_trace_keeps_what_was_measured_before(t, name):
    nobody, path = pwd.getpwnam("nobody"), t.path(name)
    path.write_text("measured before")
    for owned in (t.directory, path):
        os.chown(owned, nobody.pw_uid, nobody.pw_gid)
    words = ["run", "-f", "pprof" if name == "x.pprof" else "text", "-o", path, "--", "true"]
    finished = t.run([readable_heaptap(t), *words], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    t.status(finished, PRIVILEGE)
    t.equal(path.read_text(), "measured before", name)


# As numbers (capability.h): older versions of setpriv do not know their names.
CAPABILITIES = {"CAP_PERFMON": 38, "CAP_BPF": 39}
CAP_SYS_ADMIN = 21


@each(*CAPABILITIES)
def test_missing_capability_is_named(t, missing):
    t.need("setpriv")
    without = f"-cap_{CAPABILITIES[missing]},-cap_{CAP_SYS_ADMIN}"
    finished = t.run(["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", heaptap.HEAPTAP, "run", "--",
                      "true"])
    t.status(finished, PRIVILEGE)
    t.contains(finished.stderr, missing, "stderr")


def test_kernel_without_btf(t):
    t.need("unshare", "mount")
    script = f"mount -t tmpfs none /sys/kernel/btf && exec {heaptap.HEAPTAP} run -- true"
    finished = t.run(["unshare", "-m", "/bin/sh", "-c", script])
    t.status(finished, KERNEL)
    t.contains(finished.stderr, "BTF", "stderr")


# ---- output ----

@each("/nonexistent/report", "/proc/report", "/tmp")
def test_output_that_cannot_be_opened(t, path):
    check_refused(t, OUTPUT, ["run", "-o", path, "--", "true"], path)


def test_command_does_not_run_when_its_report_cannot_be_written(t):
    trace = t.path("it-ran")
    check_refused(t, OUTPUT, ["run", "-o", "/nonexistent/report", "--", "touch", trace])
    t.check(not trace.exists(), "the command ran")


@each("text", "json")
def test_full_disk(t, form):
    puppet = Puppet(t)
    check_refused(t, OUTPUT, ["attach", "-f", form, "-d", "0.2", "-o", "/dev/full", puppet.pid], "/dev/full")
    t.equal(puppet.end(), 0, "the process's exit status")


def test_full_disk_under_run_lets_the_command_end(t):
    trace = t.path("it-ran")
    check_refused(t, OUTPUT, ["run", "-o", "/dev/full", "--", "touch", trace], "/dev/full")
    t.check(trace.exists(), "the command did not run to its end")


@each("text", "json")
def test_closed_pipe(t, form):
    """heaptap … | head -0: the reader is gone before the first summary."""
    puppet = Puppet(t)
    reader, writer = os.pipe()
    os.close(reader)
    started = t.start([heaptap.HEAPTAP, "attach", "-f", form, "-i", "0.1", puppet.pid], stdout=writer)
    os.close(writer)
    started.wait(20)
    t.status(started, OUTPUT)
    puppet.tell("alloc 10 100")
    t.equal(puppet.end(), 0, "the process's exit status")


def test_closed_standard_output(t):
    puppet = Puppet(t)
    finished = t.run(["/bin/sh", "-c", f"exec {heaptap.HEAPTAP} attach -d 0.2 {puppet.pid} >&-"])
    t.status(finished, OUTPUT)


# ---- what is said ----

def test_names_of_targets_cannot_write_to_the_terminal(t):
    """A hostile name: control characters do not reach the report or a message."""
    path = t.path("evil\x1b[31m\nname")
    shutil.copy(heaptap.program("leak"), path)
    for words in (["run", "--", path, "malloc"], ["run", "--", str(path) + "-absent"]):
        finished = t.run([heaptap.HEAPTAP, *words])
        t.check("\x1b" not in finished.stderr, f"an escape character in: {finished.stderr!r}")


def test_interrupted_at_once(t):
    """SIGINT at any moment of the start ends it cleanly."""
    for _ in range(5):
        puppet = Puppet(t)
        started = t.start([heaptap.HEAPTAP, "attach", puppet.pid])
        t.until(lambda: os.path.exists(f"/proc/{started.pid}/exe"), "its start")
        started.signal(signal.SIGINT)
        started.wait(20)
        t.check(started.status in (0, 128 + signal.SIGINT), started.told())
        t.equal(puppet.end(), 0, "the process's exit status")
