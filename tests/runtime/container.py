# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A container to be run in: a root directory with a puppet, and C library and dynamic linker that are copies
of the system's, so that nothing that is probed for the system is probed in there."""
import os
import re
import shutil

import heaptap

PUPPET = "/puppet"


def make_root(t, name="root"):
    root = t.path(name)
    libraries = re.findall(r"(/\S+) \(0x", t.run(["ldd", heaptap.program("puppet")]).stdout)
    t.check(libraries, "ldd tells of no libraries")
    for path in libraries:
        copy = root / os.path.dirname(path)[1:]
        copy.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(heaptap.program("puppet"), root / PUPPET[1:])
    return root


def prefix(root):
    """The words before a command that is to run as the container's first process."""
    return [heaptap.program("contained"), root]
