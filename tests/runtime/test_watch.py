# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap watch: all processes that use a library or program, also those that start later."""
import os
import pathlib
import pwd
import shutil

import heaptap
import process
from harness import each
from puppet import Puppet

CGROUP_ROOTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


class OwnLibc:
    """A copy of libc that no process but the tests' own maps. A probe is in a file, and thereby in every
    process that uses it: watching the system's libc would put these tests into all processes of the
    machine, among them those that run the tests."""

    def __init__(self, t):
        self.test = t
        directory = t.path("lib")
        directory.mkdir()
        self.file = directory / "libc.so.6"
        shutil.copy(system_libc(), self.file)
        self.environment = {"LD_LIBRARY_PATH": str(directory)}

    def puppet(self, **how):
        return Puppet(self.test, environment=self.environment, **how)

    def run(self, *command):
        return self.test.run(command, environment=self.environment)

    def watch(self, options=()):
        return heaptap.watch(self.test, self.file, options=options)


def system_libc():
    """The libc that this process has mapped."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            if line.rstrip().endswith("/libc.so.6"):
                return line.split()[-1]
    raise AssertionError("python has no libc.so.6 mapped")


def blocks_of(tracing, puppet):
    images = tracing.of_pid(puppet.pid)
    return images[-1]["totals"]["outstanding_blocks"] if images else None


def test_processes_from_before_and_after(t):
    libc = OwnLibc(t)
    before = [libc.puppet() for _ in range(25)]
    tracing = libc.watch()
    after = [libc.puppet() for _ in range(25)]
    puppets = before + after
    for cnt, puppet in enumerate(puppets, 1):
        puppet.tell(f"alloc {cnt} 100")
    ended = puppets[::5]
    for puppet in ended:
        puppet.end()
    t.until(lambda: all(tracing.of_pid(puppet.pid) and tracing.of_pid(puppet.pid)[-1]["state"] == "exited"
                        for puppet in ended), "the ends in a summary")
    tracing.stop()
    t.equal([blocks_of(tracing, puppet) for puppet in puppets], list(range(1, 51)), "outstanding blocks")
    for puppet in puppets:
        image = tracing.of_pid(puppet.pid)[-1]
        t.equal(image["state"], "exited" if puppet in ended else "running", "state")
        t.check(image["complete"], f"not complete: {image['events']}")
        t.check(heaptap.stacks_through(image, "leak_outer"), "no stack with leak_outer")


def test_process_that_begins_while_the_probes_are_being_set(t):
    """Of those that are said to be complete since their start every allocation was seen."""
    libc, puppets = OwnLibc(t), []
    tracing = heaptap.start(t, "watch", ["-i", "0.1"], [libc.file])
    while not tracing.summaries:
        puppets.append(libc.puppet())
        puppets[-1].tell("alloc 3 100")
    for puppet in puppets:
        puppet.tell("free 1")
    tracing.stop()
    for puppet in puppets:
        image = tracing.of_pid(puppet.pid)[-1]
        held = sum(stack["outstanding_blocks"] for stack in heaptap.stacks_through(image, "leak_outer"))
        t.check(held == 2 or not image["from_birth"], f"{held} blocks of 2 are known, and it is complete from birth")
    t.check(not all(image["from_birth"] for image in tracing.images), "none was so early that it could be wrong")


def test_end_of_tracing_is_one_moment(t):
    """Of a process that goes on at full speed no allocation is seen without its free, nor a free without it."""
    libc = OwnLibc(t)
    tracing = libc.watch()
    busy = t.start([heaptap.program("stress"), 2, 30], environment=libc.environment)
    t.until(lambda: any(image["totals"]["allocs"] > 1000 for image in tracing.images), "what it allocates")
    tracing.stop()
    t.check(busy.running(), "it has ended")
    image = tracing.only()
    heaptap.check_sound(t, image)
    held = heaptap.sums(heaptap.stacks_through(image, "play_round"))["outstanding_blocks"]
    t.check(0 < held <= 512 + 2 * 2, f"{held} blocks: it holds 512, and two in each of two threads' hands")


def test_programs_of_the_system_are_seen(t):
    libc = OwnLibc(t)
    tracing = libc.watch()
    for command in (["sort", "/etc/passwd"], ["ls", "/usr/bin"], ["perl", "-e", "1"]):
        t.status(libc.run(*command), 0)
    tracing.stop()
    t.equal([image["comm"] for image in tracing.images], ["sort", "ls", "perl"], "processes")


def test_itself_is_never_traced(t):
    libc = OwnLibc(t)
    tracing = heaptap.start(t, "watch", ["-i", "0.1"], [libc.file], environment=libc.environment).until_tracing()
    tracing.until_summary()
    tracing.stop()
    t.equal(tracing.images, [], "processes")


def test_others_are_left_out(t):
    libc = OwnLibc(t)
    tracing = libc.watch()
    other = Puppet(t)
    other.tell("alloc 5 100")
    puppet = libc.puppet()
    puppet.tell("alloc 2 100")
    tracing.stop()
    t.equal([image["pid"] for image in tracing.images], [puppet.pid], "processes")


def test_of_a_program_with_an_allocator(t):
    copy = t.path("other")
    shutil.copy(heaptap.program("leak_ours_static"), copy)
    tracing = heaptap.watch(t, copy)
    t.run([heaptap.program("leak"), "malloc"])
    t.run([copy, "malloc"])
    tracing.stop()
    t.equal([image["comm"] for image in tracing.images], ["other"], "processes")
    t.equal(tracing.only()["totals"]["outstanding_blocks"], 7, "outstanding blocks")


def check_filter(t, options, wanted, unwanted):
    """Puppets of both kinds, before and after: only the wanted ones are in the books. The kinds are
    what is given to OwnLibc.puppet."""
    libc = OwnLibc(t)
    before = [libc.puppet(**kind) for kind in (wanted, unwanted)]
    tracing = libc.watch(options)
    after = [libc.puppet(**kind) for kind in (wanted, unwanted)]
    for puppet in before + after:
        puppet.tell("alloc 2 100")
    tracing.stop()
    found = [blocks_of(tracing, puppet) for puppet in before + after]
    t.equal(found, [2, None, 2, None], "outstanding blocks of (wanted, unwanted) before and after")


def copied_puppet(t, name):
    return shutil.copy(heaptap.program("puppet"), t.path(name))


def test_filter_by_command_name(t):
    check_filter(t, ["--comm", "wanted"], {"program": copied_puppet(t, "wanted")}, {})


def test_filter_by_program(t):
    check_filter(t, ["--exe", t.path("wanted")], {"program": copied_puppet(t, "wanted")}, {})


@each("name", "number")
def test_filter_by_user(t, form):
    nobody = pwd.getpwnam("nobody")
    program = copied_puppet(t, "puppet")
    user = nobody.pw_name if form == "name" else str(nobody.pw_uid)
    check_filter(t, ["--user", user],
                 {"program": program, "user": nobody.pw_uid, "group": nobody.pw_gid}, {"program": program})


def make_cgroup(t):
    """A new cgroup of version 2: its directory."""
    for root in CGROUP_ROOTS:
        if not os.path.exists(f"{root}/cgroup.procs"):
            continue
        group = pathlib.Path(root) / f"heaptap-test-{os.getpid()}"
        try:
            group.mkdir(exist_ok=True)
            return group
        except OSError:
            continue
    return t.skip("no cgroup can be made here")


def test_filter_by_cgroup(t):
    group = make_cgroup(t)
    inner = group / "inner"
    inner.mkdir(exist_ok=True)

    def enter():
        with open(inner / "cgroup.procs", "w", encoding="ascii") as procs:
            procs.write("0")

    try:
        check_filter(t, ["--cgroup", group], {"preexec_fn": enter}, {})
    finally:
        remove_cgroups(t, inner, group)


def remove_cgroups(t, *groups):
    """A cgroup can be removed when its processes are gone."""
    process.end_all()

    def removed(group):
        try:
            group.rmdir()
        except OSError:
            return False
        return True

    for group in groups:
        t.until(lambda: removed(group), f"the removal of {group}")
