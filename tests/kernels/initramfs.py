# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds the file system that an emulated machine starts with: files of this machine, each at the path
that it has here, so that a path means the same on both; programs come with the libraries they load.

The format is cpio's "newc" (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst),
not compressed: to unpack it would cost the emulated processor more than reading it."""
import os
import re
import stat
import subprocess

HEADER_FIELDS = 13
TRAILER = "TRAILER!!!"


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def member(name, mode, data=b"", inode=0, device=(0, 0)):
    """inode, mode, uid, gid, nlink, mtime, size, device of the file, device it stands for, name size, check."""
    path = name.encode() + b"\0"
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0]
    assert len(fields) == HEADER_FIELDS
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return pad(header + path) + pad(data)


class Initramfs:
    def __init__(self):
        self.members = {}  # path → (mode, data, device)

    def put(self, path, mode, data=b"", device=(0, 0)):
        """Where the directories that lead to it are symbolic links here, they are so there, and it lies
        behind them."""
        parent = os.path.dirname(path)
        self.add(parent)
        self.members[os.path.join(os.path.realpath(parent), os.path.basename(path))] = (mode, data, device)

    def write(self, path, data, mode=0o644):
        self.put(path, stat.S_IFREG | mode, data)

    def device(self, path, major, minor):
        self.put(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def directory(self, path):
        self.put(path, stat.S_IFDIR | 0o755)

    def add(self, path):
        """What is here at this path: a file, a directory without what is in it, or a symbolic link and what
        it leads to."""
        path = str(path)
        if path == "/" or path in self.members:
            return
        if os.path.islink(path):
            target = os.readlink(path)
            self.put(path, stat.S_IFLNK | 0o777, target.encode())
            self.add(os.path.join(os.path.dirname(path), target))
        elif os.path.isdir(path):
            self.directory(path)
        else:
            self.write(path, read(path), os.stat(path).st_mode & 0o777)

    def add_tree(self, path, leave_out=()):
        """A directory with all that is in it, but for the directories of these names."""
        for parent, directories, files in os.walk(path):
            directories[:] = [name for name in directories if name not in leave_out]
            for name in [*files, *directories]:
                self.add(os.path.join(parent, name))

    def add_program(self, path):
        """A program or library, and the libraries that the dynamic linker finds for it."""
        self.add(path)
        for library in libraries(path):
            self.add(library)

    def save(self, path):
        with open(path, "wb") as file:
            for inode, (name, (mode, data, device)) in enumerate(sorted(self.members.items()), 1):
                file.write(member(name[1:], mode, data, inode, device))
            file.write(member(TRAILER, 0))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def libraries(path):
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", told)
