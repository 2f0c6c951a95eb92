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


# On a busy machine there may be very much to be told.
FEW_STACKS = ["-n", "3"]


def blocks_of(tracing, puppet):
    images = tracing.of_pid(puppet.pid)
    return images[-1]["totals"]["outstanding_blocks"] if images else None


def test_processes_from_before_and_after(t):
    before = [Puppet(t) for _ in range(25)]
    tracing = heaptap.watch(t, options=FEW_STACKS)
    after = [Puppet(t) for _ in range(25)]
    puppets = before + after
    for cnt, puppet in enumerate(puppets, 1):
        puppet.tell(f"alloc {cnt} 100")
    ended = puppets[::5]
    for puppet in ended:
        puppet.end()
    t.until(lambda: tracing.until_summary() and all(
        tracing.of_pid(puppet.pid)[-1]["state"] == "exited" for puppet in ended), "the ends in a summary")
    tracing.stop()
    t.equal([blocks_of(tracing, puppet) for puppet in puppets], list(range(1, 51)), "outstanding blocks")
    for puppet in puppets:
        image = tracing.of_pid(puppet.pid)[-1]
        t.equal(image["state"], "exited" if puppet in ended else "running", "state")
        t.check(image["complete"], f"not complete: {image['events']}")
        t.check(heaptap.stacks_through(image, "leak_outer"), "no stack with leak_outer")


def test_programs_of_the_system_are_seen(t):
    tracing = heaptap.watch(t, options=FEW_STACKS)
    for command in (["sort", "/etc/passwd"], ["ls", "/usr/bin"], ["perl", "-e", "1"]):
        t.run(command)
    tracing.stop()
    seen = {image["comm"] for image in tracing.images}
    t.check({"sort", "ls", "perl"} <= seen, f"seen: {seen}")


def test_itself_is_never_traced(t):
    tracing = heaptap.watch(t, options=FEW_STACKS)
    tracing.until_summary()
    tracing.stop()
    t.equal(tracing.of_pid(tracing.process.pid), [], "heaptap's own processes")


def test_of_a_file_only_its_processes(t):
    copy = t.path("other")
    shutil.copy(heaptap.program("leak_ours_static"), copy)
    tracing = heaptap.watch(t, copy)
    t.run([heaptap.program("leak"), "malloc"])
    t.run([copy, "malloc"])
    tracing.stop()
    t.equal([image["comm"] for image in tracing.images], ["other"], "processes")
    t.equal(tracing.only()["totals"]["outstanding_blocks"], 7, "outstanding blocks")


def test_program_given_by_name_is_watched_through_its_libc(t):
    tracing = heaptap.watch(t, heaptap.program("puppet"))
    puppet = Puppet(t)
    puppet.tell("alloc 3 100")
    tracing.stop()
    t.equal(blocks_of(tracing, puppet), 3, "outstanding blocks")


def check_filter(t, options, wanted, unwanted):
    """Puppets of both kinds, before and after: only the wanted ones are in the books."""
    kinds = [wanted, unwanted]
    before = [make() for make in kinds]
    tracing = heaptap.watch(t, options=options)
    after = [make() for make in kinds]
    for puppet in before + after:
        puppet.tell("alloc 2 100")
    tracing.stop()
    found = [blocks_of(tracing, puppet) for puppet in before + after]
    t.equal(found, [2, None, 2, None], "outstanding blocks of (wanted, unwanted) before and after")


def copied_puppet(t, name):
    copy = t.path(name)
    if not copy.exists():
        shutil.copy(heaptap.program("puppet"), copy)
    return Puppet(t, program=copy)


def test_filter_by_command_name(t):
    check_filter(t, ["--comm", "wanted"], lambda: copied_puppet(t, "wanted"), lambda: Puppet(t))


def test_filter_by_program(t):
    check_filter(t, ["--exe", t.path("wanted")], lambda: copied_puppet(t, "wanted"), lambda: Puppet(t))


@each("name", "number")
def test_filter_by_user(t, form):
    nobody = pwd.getpwnam("nobody")
    program = t.path("puppet")
    shutil.copy(heaptap.program("puppet"), program)
    user = nobody.pw_name if form == "name" else str(nobody.pw_uid)
    check_filter(t, ["--user", user],
                 lambda: Puppet(t, program=program, user=nobody.pw_uid, group=nobody.pw_gid),
                 lambda: Puppet(t, program=program))


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


def puppet_in(t, group):
    def enter():
        with open(group / "cgroup.procs", "w", encoding="ascii") as procs:
            procs.write("0")
    return Puppet(t, preexec_fn=enter)


def test_filter_by_cgroup(t):
    group = make_cgroup(t)
    inner = group / "inner"
    inner.mkdir(exist_ok=True)
    try:
        check_filter(t, ["--cgroup", group], lambda: puppet_in(t, inner), lambda: Puppet(t))
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
