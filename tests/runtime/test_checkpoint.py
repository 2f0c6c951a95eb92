# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checkpoints of a heaptap that is tracing, and who may ask it for them."""
import os
import signal
import socket
import stat

import heaptap
from harness import each
from puppet import Puppet

NOBODY = 65534


def runtime(t):
    """A directory of sockets for this test alone: other heaptaps of the machine are not in it."""
    return {"HEAPTAP_RUNTIME_DIR": str(t.path("runtime"))}


def attach(t, puppet, *options, **how):
    return heaptap.start(t, "attach", ["-n", "0", "-i", "1h", *options], [puppet.pid], environment=runtime(t),
                         **how)


def socket_of(t, tracing):
    return t.path("runtime") / f"{tracing.process.pid}.sock"


def until_asked(t, tracing):
    """The socket appears when everything is ready, the probes a moment later: a summary has come then."""
    t.until(socket_of(t, tracing).exists, "the control socket")
    t.until(lambda: ask(t, "checkpoint", "ready").status == 0, "an answer")
    return tracing


def ask(t, *words, **how):
    return t.run([heaptap.HEAPTAP, *words], environment=runtime(t), **how)


def checkpoint(t, tracing, *words):
    """Its summary."""
    t.status(ask(t, "checkpoint", "--pid", tracing.process.pid, *words), 0)
    return tracing.summaries[-1]


def own(summary):
    """The only process, and what its stacks have allocated since the checkpoint (None: there was none)."""
    (image,) = summary["processes"]
    stacks = heaptap.stacks_through(image, "leak_outer")
    since = [(stack["since_bytes"], stack["since_blocks"]) for stack in stacks]
    return image, None if (None, None) in since else tuple(map(sum, zip(*since)))


def test_checkpoint_tells_the_difference_to_the_previous_one(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    puppet.tell("alloc 10 100")
    first = checkpoint(t, tracing, "before")
    puppet.tell("free_first 4", "alloc 3 1000", "churn 5 77")
    second = checkpoint(t, tracing, "after")
    tracing.stop()
    t.equal([(summary["kind"], summary["checkpoint"], summary["previous_checkpoint"])
             for summary in (first, second, tracing.final)],
            [("checkpoint", "before", "ready"), ("checkpoint", "after", "before"), ("final", None, "after")],
            "kinds and names")
    image, since = own(second)
    t.equal(image["since_checkpoint"], {"growth_bytes": 3000 - 400, "growth_blocks": 3 - 4,
                                        "outstanding_bytes": 3000, "outstanding_blocks": 3},
            "the difference")
    t.equal(since, (3000, 3), "allocated since, of the stacks")
    image, since = own(tracing.final)
    t.equal(image["since_checkpoint"], {"growth_bytes": 0, "growth_blocks": 0,
                                        "outstanding_bytes": 0, "outstanding_blocks": 0},
            "the difference at the end")
    t.equal(since, (0, 0), "allocated since the last checkpoint")


def test_without_a_checkpoint_there_is_no_difference(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 10 100")
    tracing.stop()
    image, since = own(tracing.final)
    t.equal((image["since_checkpoint"], since, tracing.final["previous_checkpoint"]),
            (None, None, None), "differences")


def test_periodic_summaries_count_from_the_checkpoint(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet, "-i", "0.1"))
    puppet.tell("alloc 10 100")
    for _ in range(3):
        tracing.until_summary()
    (image,) = tracing.summaries[-1]["processes"]
    t.equal(tracing.summaries[-1]["kind"], "periodic", "kind")
    t.equal(image["since_checkpoint"]["outstanding_bytes"], 1000, "allocated since the checkpoint")


def test_sigusr2_takes_a_numbered_checkpoint(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    cnt = len(tracing.summaries)
    tracing.process.signal(signal.SIGUSR2)
    t.until(lambda: len(tracing.summaries) > cnt, "the checkpoint")
    summary = tracing.summaries[cnt]
    t.equal((summary["kind"], summary["checkpoint"]), ("checkpoint", "checkpoint-2"), "kind and name")
    t.equal(checkpoint(t, tracing)["checkpoint"], "checkpoint-3", "the next name")


def test_text_tells_the_difference(t):
    puppet = Puppet(t)
    out = t.path("out.txt")
    tracing = heaptap.Tracing(t, t.start([heaptap.HEAPTAP, "attach", "-o", out, puppet.pid], environment=runtime(t)), out)
    until_asked(t, tracing)
    puppet.tell("alloc 3 100")
    t.status(ask(t, "checkpoint", "after 3"), 0)
    tracing.stop()
    text = " ".join(out.read_text().split())
    t.contains(text, '==== heaptap checkpoint "after 3"', "the banner")
    t.contains(text, 'since +300 B, +3 blocks since checkpoint "ready" '
               "new 300 B in 3 outstanding blocks allocated since then", "the difference")
    t.contains(text, "300 B in 3 blocks since the checkpoint", "the stack's")
    t.contains(text, 'since none since checkpoint "after 3"', "the difference at the end")


# ---- names in recordings


def test_recorded_checkpoints_are_picked_by_name(t):
    puppet = Puppet(t)
    path = t.path("x.heaptap")
    tracing = heaptap.start(t, "attach", ["-n", "0", "-o", path], [puppet.pid], environment=runtime(t))
    until_asked(t, tracing)
    puppet.tell("alloc 10 100")
    checkpoint(t, tracing, "ten")
    puppet.tell("alloc 5 100")
    checkpoint(t, tracing, "fifteen")
    puppet.tell("alloc 5 100")
    tracing.stop()
    listed = t.run([heaptap.HEAPTAP, "report", "--list", path]).stdout.splitlines()
    t.equal([line.split('"')[1] if '"' in line else None for line in listed],
            ["ready", "ten", "fifteen", None], "names in the list")
    picked = t.run([heaptap.HEAPTAP, "report", "-f", "json", f"{path}:ten"])
    t.status(picked, 0)
    (summary,) = heaptap.read_summaries(picked.stdout)
    t.equal(summary, tracing.summaries[1], "the checkpoint, recorded and as it was written at once")
    diff = t.run([heaptap.HEAPTAP, "diff", f"{path}:ten", f"{path}:fifteen"])
    t.status(diff, 0)
    t.contains(diff.stdout, "+500 B, +5 blocks", "the difference of two checkpoints")
    t.status(t.run([heaptap.HEAPTAP, "report", f"{path}:eleven"]), 5)


@each("", "a:b", "7", "-7", "tab\t", "x" * 65)
def test_names_that_could_not_be_picked_are_refused(t, name):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    if name:
        t.status(ask(t, "checkpoint", name), 2)
        t.equal(len(tracing.summaries), 1, "summaries")
    else:
        t.equal(checkpoint(t, tracing, name)["checkpoint"], "checkpoint-2", "the name of none")


# ---- who is asked, and who may ask


def test_the_socket_is_its_users_alone(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    path = socket_of(t, tracing)
    found = os.stat(path)
    t.equal((stat.S_IMODE(found.st_mode), found.st_uid, stat.S_ISSOCK(found.st_mode)), (0o600, 0, True),
            "mode, user and kind of the socket")
    t.equal(stat.S_IMODE(os.stat(path.parent).st_mode), 0o700, "mode of its directory")
    tracing.stop()
    t.equal(list(path.parent.iterdir()), [], "what is left in the directory")


def connect_as_nobody(t, path):
    """In a child of that user: how connect(2) ends, and what it is told."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
                asking.connect(str(path))
                answer = asking.recv(4096)
        except OSError as error:
            answer = type(error).__name__.encode()
        os.write(writer, answer)
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as told:
        return told.read()


def test_another_user_is_refused(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    path = socket_of(t, tracing)
    t.equal(connect_as_nobody(t, path), b"PermissionError", "by the modes")
    for opened in (path.parent, path):
        os.chmod(opened, 0o777)
    answer = connect_as_nobody(t, path)
    t.equal(int.from_bytes(answer[:4], "little", signed=True), -1, "the error (EPERM), the modes open")
    t.contains(answer[4:].decode(), "another user's", "the answer")
    t.equal(len(tracing.summaries), 1, "summaries")


def test_a_directory_that_others_can_write_to_is_not_used(t):
    puppet = Puppet(t)
    t.path("runtime").mkdir()
    os.chmod(t.path("runtime"), 0o777)
    tracing = attach(t, puppet, "-v", "-i", "0.1").until_tracing()
    t.equal(list(t.path("runtime").iterdir()), [], "sockets")
    t.contains(tracing.process.stderr, "no control socket", "what it says of it")
    t.status(ask(t, "checkpoint"), 5)


def test_two_heaptaps_are_told_apart_by_pid(t):
    puppets = [Puppet(t), Puppet(t)]
    tracings = [attach(t, puppet, "-v") for puppet in puppets]
    for tracing in tracings:
        t.until(socket_of(t, tracing).exists, "the control socket")
    refused = ask(t, "checkpoint")
    t.status(refused, 5)
    for tracing in tracings:
        t.contains(refused.stderr, str(tracing.process.pid), "the choice")
    checkpoint(t, tracings[1], "ready")
    puppets[1].tell("alloc 1 1")
    t.equal(own(checkpoint(t, tracings[1], "mine"))[0]["pid"], puppets[1].pid, "whose checkpoint")
    t.equal(tracings[0].summaries, [], "summaries of the other")


def test_killed_ones_are_not_in_the_way(t):
    puppet = Puppet(t)
    killed = until_asked(t, attach(t, puppet))
    path = socket_of(t, killed)
    killed.process.signal(signal.SIGKILL)
    killed.process.wait()
    t.check(path.exists(), "the socket of one that was killed is gone, which this test is about")
    t.status(ask(t, "checkpoint"), 5)
    t.status(ask(t, "checkpoint", "--pid", killed.process.pid), 5)
    until_asked(t, attach(t, puppet))
    t.check(not path.exists(), "the next one has not swept it away")


def test_one_who_says_nothing_holds_up_nobody(t):
    puppet = Puppet(t)
    tracing = until_asked(t, attach(t, puppet))
    silent = []
    for _ in range(4):
        silent.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        silent[-1].connect(str(socket_of(t, tracing)))
    t.equal(checkpoint(t, tracing, "between")["checkpoint"], "between", "the checkpoint")
    for message in (b"", b"x" * 4000, b"checkpoint", b"checkpoint\0no end", b"\0\0", b"what\0\0"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(str(socket_of(t, tracing)))
            asking.send(message)
    t.equal(checkpoint(t, tracing, "after")["checkpoint"], "after", "the checkpoint after nonsense")
    for one in silent:
        one.close()
    tracing.stop()
