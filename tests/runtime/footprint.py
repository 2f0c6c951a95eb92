# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a process holds: files, memory, and (of heaptap) entries of its maps and links in the kernel."""
import collections
import ctypes
import os
import re
import struct

BPF_NR = 321  # bpf(2), x86-64
BPF_MAP_LOOKUP_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 1, 4, 14, 15
# Tables of images: their keys begin with the process's number (struct image_key).
OF_IMAGES = {"image_mappings", "image_counters", "decided_images", "forked_images", "alloc_numbers"}
# Full tables of their own accord (LRU), or arrays: what is in them says nothing.
NOT_COUNTED = {"known_stacks", "memos", "paths", "unwind_rows", "no_programs", "no_session_prog", "cgroup"}
LIBC = ctypes.CDLL(None, use_errno=True)


class MapInfo(ctypes.Structure):  # struct bpf_map_info, linux/bpf.h
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32), ("key_size", ctypes.c_uint32),
                ("value_size", ctypes.c_uint32), ("max_entries", ctypes.c_uint32),
                ("map_flags", ctypes.c_uint32), ("name", ctypes.c_char * 16)]


class MapFd:
    """A map by its number; gone maps raise OSError."""

    def __init__(self, number):
        attr = (ctypes.c_uint32 * 32)(number)
        self.fd = bpf(BPF_MAP_GET_FD_BY_ID, attr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def info(self):
        info = MapInfo()
        attr = (ctypes.c_uint64 * 16)(self.fd | ctypes.sizeof(info) << 32, ctypes.addressof(info))
        bpf(BPF_OBJ_GET_INFO_BY_FD, attr)
        return info

    def keys(self, key_size, most):
        before, after = (ctypes.create_string_buffer(key_size) for _ in range(2))
        attr = (ctypes.c_uint64 * 16)(self.fd, 0, ctypes.addressof(after))
        for _ in range(most):
            try:
                bpf(BPF_MAP_GET_NEXT_KEY, attr)
            except OSError:
                return
            yield after.raw[:key_size]
            before, after = after, before
            attr[1], attr[2] = ctypes.addressof(before), ctypes.addressof(after)


    def number_at(self, key):
        """The value, a number of four bytes (of a table of maps: the map's); None: there is none any more."""
        own, value = ctypes.create_string_buffer(key), ctypes.c_uint32()
        attr = (ctypes.c_uint64 * 16)(self.fd, ctypes.addressof(own), ctypes.addressof(value))
        try:
            bpf(BPF_MAP_LOOKUP_ELEM, attr)
        except OSError:
            return None
        return value.value


def bpf(command, attr):
    result = LIBC.syscall(BPF_NR, command, ctypes.byref(attr), ctypes.sizeof(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def objects(pid):
    """The numbers of the process's maps, and how many links it has, by its open files (proc(5), fdinfo)."""
    maps, links = set(), 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue  # closed just now
        maps |= {int(number) for number in re.findall(r"^map_id:\s*(\d+)", text, re.MULTILINE)}
        links += "link_id:" in text
    return maps, links


def map_keys(numbers):
    """Of each map, by its name (cut by the kernel to 15 characters)."""
    keys = {}
    for number in numbers:
        try:
            with MapFd(number) as table:
                info = table.info()
                name = info.name.decode()
                if name not in NOT_COUNTED and not name.startswith("heaptap_") and info.key_size:
                    keys[name] = list(table.keys(info.key_size, info.max_entries))
        except OSError:
            continue
    return keys


def left_over(pid):
    """Keys of images whose process has ended, by map. (One that ended just now may be there.)"""
    of_images = {name: keys for name, keys in map_keys(objects(pid)[0]).items() if name in OF_IMAGES}
    ended = {name: [struct.unpack_from("<II", key) for key in keys
                    if not os.path.exists(f"/proc/{struct.unpack_from('<I', key)[0]}")]
             for name, keys in of_images.items()}
    return {name: keys for name, keys in ended.items() if keys}


def most_numbers_of_a_file(pid):
    """Of all files that have unwind rows in the kernel, how many numbers lead to the same ones, at most."""
    maps = collections.Counter()
    for number in objects(pid)[0]:
        try:
            with MapFd(number) as table:
                info = table.info()
                if info.name == b"rows_of_files":
                    maps.update(table.number_at(key) for key in table.keys(info.key_size, info.max_entries))
        except OSError:
            continue
    return max(cnt for number, cnt in maps.items() if number)


def rss_kib(pid):
    """Without what is shared: the ring is mapped twice, and counted as often."""
    with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
        _, resident, shared = map(int, file.read().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGESIZE") // 1024


def of(pid):
    """One dictionary: fds, links, rss_kib, and an entry for each map."""
    numbers, links = objects(pid)
    return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "links": links, "rss_kib": rss_kib(pid),
            **{name: len(keys) for name, keys in map_keys(numbers).items()}}
