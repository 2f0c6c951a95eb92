# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A container to be run in: a root directory with a puppet, and C library and dynamic linker that are copies
of the system's, so that nothing that is probed for the system is probed in there."""
import pathlib
import re
import shutil

import heaptap
from puppet import Puppet

PUPPET = "/puppet"


def make_root(t, name="root"):
    """The libraries are those that a puppet has mapped."""
    puppet, root = Puppet(t), t.path(name)
    maps = pathlib.Path(f"/proc/{puppet.pid}/maps").read_text()
    puppet.end()
    libraries = set(re.findall(r" (/\S+\.so\S*)$", maps, re.MULTILINE))
    t.check(libraries, "a puppet has no libraries")
    for path in [*libraries, "/lib64/ld-linux-x86-64.so.2"]:
        copy = root / path[1:]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(heaptap.program("puppet"), root / PUPPET[1:])
    return root


def prefix(root):
    """The words before a command that is to run as the container's first process."""
    return [heaptap.program("contained"), root]


def until_seen(t, tracing, puppet):
    """Its allocator was found: until then it calls it in vain. Gives its number outside."""
    def seen():
        puppet.tell("churn 1 64")
        return [image["pid"] for image in tracing.images
                if image["comm"] == PUPPET[1:] and image["totals"]["allocs"]]

    return t.until(seen, "allocations of the container's process in the books")[0]
