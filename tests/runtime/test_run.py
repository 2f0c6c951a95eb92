# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap run: the command is as it would be without heaptap, and its books are there at the end."""
import os
import pty
import signal
import fcntl
import termios

import heaptap
from harness import each

DEATHS = {"segv": signal.SIGSEGV, "kill": signal.SIGKILL, "term": signal.SIGTERM, "abort": signal.SIGABRT}
EXITS = {"exit": 3, "_exit": 4, "quick_exit": 5}


@each(0, 1, 3, 127, 255)
def test_hands_on_exit_status(t, status):
    heaptap.run(t, ["/bin/sh", "-c", f"exit {status}"], status=status)


@each(*EXITS)
def test_books_of_a_command_that_exits(t, way):
    _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program("die"), way], status=EXITS[way])
    heaptap.check_totals(t, image, expect)
    t.equal((image["state"], image["exit_code"]), ("exited", EXITS[way]), "state and exit code")


@each(*DEATHS)
def test_books_of_a_command_that_is_killed(t, way):
    number = DEATHS[way]
    _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program("die"), way], status=128 + number)
    heaptap.check_totals(t, image, expect)
    t.equal((image["state"], image["signal"]), ("killed", number), "state and signal")


def test_summary_says_what_ran(t):
    tracing = heaptap.run(t, [heaptap.program("leak"), "malloc"])
    image = tracing.only()
    t.equal(image["comm"], "leak", "comm")
    t.equal(image["exe"], str(heaptap.program("leak")), "exe")
    t.equal(heaptap.read_expects(tracing.process.stdout)[0]["pid"], image["pid"], "pid")
    t.equal(tracing.final["host"], os.uname().nodename, "host")
    t.equal(tracing.final["kernel"], os.uname().release, "kernel")


def test_standard_input_and_output_are_the_commands(t):
    data = bytes(range(256)) * 1000
    finished = t.run([heaptap.HEAPTAP, "run", "--", "cat"], stdin=data)
    t.status(finished, 0)
    t.check(finished.stdout_bytes == data, "stdout is not what cat was given on stdin")
    t.contains(finished.stderr, "cat", "the report on stderr")


def test_report_goes_to_stderr(t):
    finished = t.run([heaptap.HEAPTAP, "run", "--", heaptap.program("leak"), "malloc"])
    t.status(finished, 0)
    t.contains(finished.stderr, "leak_inner", "stderr")
    t.check("leak_inner" not in finished.stdout, "the report is on stdout, too")


def test_report_goes_to_the_output_file(t):
    path = t.path("report.txt")
    finished = t.run([heaptap.HEAPTAP, "run", "-o", path, "--", heaptap.program("leak"), "malloc"])
    t.status(finished, 0)
    t.contains(path.read_text(), "leak_inner", "the file")
    t.check("leak_inner" not in finished.stderr, "the report is on stderr, too")


def command_state(t, prefix):
    """What a command inherits, as it sees it itself."""
    script = "grep -E 'Sig(Blk|Ign|Cgt)|^Seccomp:|NoNewPrivs' /proc/self/status; ls /proc/self/fd; ulimit -a; env; pwd"
    finished = t.run([*prefix, "/bin/sh", "-c", script])
    t.status(finished, 0)
    return finished.stdout


def test_command_inherits_what_it_would_without(t):
    wanted = command_state(t, [])
    found = command_state(t, [heaptap.HEAPTAP, "run", "-o", "/dev/null", "--"])
    t.equal(found, wanted, "signals, files, limits, environment, directory")


def test_command_is_found_through_the_path(t):
    tracing = heaptap.run(t, ["leak", "malloc"], environment={"PATH": f"{heaptap.PROGRAMS}:/bin"})
    t.equal(tracing.only()["comm"], "leak", "comm")


def start_on_terminal(t, argv):
    """On a terminal of its own, in its foreground process group: gives the process and the other end."""
    ours, theirs = pty.openpty()

    def take_terminal():
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    started = t.start(argv, stdin=theirs, stdout=theirs, start_new_session=True,
                      preexec_fn=take_terminal)
    os.close(theirs)
    os.set_blocking(ours, False)
    return started, ours


def read_until(t, fd, text):
    seen = bytearray()

    def found():
        try:
            seen.extend(os.read(fd, 4096))
        except OSError:
            pass
        return text in seen

    t.until(found, f"{text!r} on the terminal")


def press_ctrl_c(t, script):
    output = t.path("report.json")
    started, terminal = start_on_terminal(t, [heaptap.HEAPTAP, "run", "-f", "json", "-o", output,
                                              "--", "/bin/sh", "-c", script])
    try:
        read_until(t, terminal, b"ready")
        os.write(terminal, b"\x03")
        started.wait()
    finally:
        os.close(terminal)
    return started, heaptap.Tracing(t, started, output)


def test_ctrl_c_reaches_the_command_and_the_summary_comes(t):
    started, tracing = press_ctrl_c(t, "echo ready; exec sleep 1000")
    t.status(started, 128 + signal.SIGINT)
    t.equal(tracing.final["kind"], "final", "kind")
    t.equal(tracing.images[-1]["signal"], signal.SIGINT, "signal")


def test_ctrl_c_is_the_commands_to_handle(t):
    script = "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"
    started, tracing = press_ctrl_c(t, script)
    t.status(started, 9)
    t.equal(tracing.final["kind"], "final", "kind")


def test_usr1_asks_for_a_summary(t):
    tracing = heaptap.start(t, "run", [], ["--", heaptap.program("puppet")], stdin=None)
    puppet = tracing.process.popen.stdin
    puppet.write(b"alloc 3 100\n")
    puppet.flush()
    t.until(lambda: "done" in tracing.process.stdout, "the puppet's answer")
    t.equal(tracing.summaries, [], "summaries before one is asked for")
    tracing.process.signal(signal.SIGUSR1)
    summary = tracing.until_summary()
    t.equal(summary["processes"][0]["totals"]["outstanding_blocks"], 3, "outstanding blocks")
    t.equal(summary["processes"][0]["state"], "running", "state")
    puppet.write(b"free 2\nexit 5\n")
    puppet.close()
    tracing.process.wait()
    t.status(tracing.process, 5)
    t.equal(tracing.only()["totals"]["outstanding_blocks"], 1, "outstanding blocks in the end")


def test_children_are_followed(t):
    leak = heaptap.program("leak")
    command = ["/bin/sh", "-c", f"{leak} malloc; {leak} calloc & wait; exit 6"]
    tracing, pairs = heaptap.run_expecting(t, command, status=6)
    t.equal(len(pairs), 2, "children")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


def test_children_are_left_out_on_request(t):
    leak = heaptap.program("leak")
    tracing = heaptap.run(t, ["/bin/sh", "-c", f"{leak} malloc; exit 6"], ["--no-children"], status=6)
    t.equal([image["comm"] for image in tracing.images], ["sh"], "processes")


def test_error_exitcode_tells_of_outstanding_blocks(t):
    heaptap.run(t, [heaptap.program("leak"), "malloc"], ["--error-exitcode", "42"], status=42)


def test_error_exitcode_is_silent_without_them(t):
    heaptap.run(t, [heaptap.program("trap_exec"), "0"], ["--error-exitcode", "42"], status=0)
