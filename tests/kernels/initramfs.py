# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds the file system that an emulated machine starts with: files of this machine, each at the path
that it has here, so that a path means the same on both; programs come with the libraries they load.

The format is cpio's "newc" (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst),
not compressed: to unpack it would cost the emulated processor more than reading it."""
import os
import re
import stat
import subprocess

TRAILER = "TRAILER!!!"


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def member(path, mode, data=b"", mtime=0, inode=0):
    """inode, mode, uid, gid, links, mtime, size, the file's device, what it is a device for, size of the
    path, checksum."""
    name = path.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(name), 0)
    return pad(b"070701" + b"".join(b"%08X" % field for field in fields) + name) + pad(data)


class Initramfs:
    def __init__(self):
        self.members = {"/": None}  # path → (mode, data, mtime)

    def put(self, path, mode, data=b"", mtime=0):
        """Where the directories that lead to it are symbolic links here, they are so there, and it lies
        behind them."""
        parent, name = os.path.split(path)
        self.add(parent)
        self.members[os.path.join(os.path.realpath(parent), name)] = (mode, data, mtime)

    def directory(self, path):
        self.put(path, stat.S_IFDIR | 0o755)

    def add(self, path):
        """What is here at this path: a file, a directory without what is in it, or a symbolic link and what
        it leads to."""
        path = os.path.normpath(path)
        if path in self.members:
            return
        if os.path.islink(path):
            target = os.readlink(path)
            self.put(path, stat.S_IFLNK | 0o777, target.encode())
            self.add(os.path.join(os.path.dirname(path), target))
        elif os.path.isdir(path):
            self.directory(path)
        else:
            self.add_file(path, path)

    def add_file(self, path, source):
        """A file of here under another path. (Python takes a compiled module for stale if the time of the
        source is another.)"""
        status = os.stat(source)
        with open(source, "rb") as file:
            self.put(path, stat.S_IFREG | status.st_mode & 0o777, file.read(), int(status.st_mtime))

    def add_program(self, path):
        """A program or library, and the libraries that the dynamic linker finds for it."""
        self.add(path)
        for library in libraries(path):
            self.add(library)

    def save(self, path):
        with open(path, "wb") as file:
            for inode, name in enumerate(sorted(self.members)[1:], 1):
                mode, data, mtime = self.members[name]
                file.write(member(name[1:], mode, data, mtime, inode))
            file.write(member(TRAILER, 0))


def libraries(path):
    """None of a file that is linked statically, or that is no program."""
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", told)
