# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a process holds: files, memory, and (of heaptap) entries of its maps and links in the kernel."""
import ctypes
import os
import re

BPF_NR = 321  # bpf(2), x86-64
BPF_MAP_GET_NEXT_KEY, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 4, 14, 15
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

    def entry_cnt(self, key_size, most):
        keys = [ctypes.create_string_buffer(key_size) for _ in range(2)]
        attr = (ctypes.c_uint64 * 16)(self.fd, 0, ctypes.addressof(keys[0]))
        cnt = 0
        while cnt < most:
            try:
                bpf(BPF_MAP_GET_NEXT_KEY, attr)
            except OSError:
                break
            cnt += 1
            keys.reverse()
            attr[1], attr[2] = ctypes.addressof(keys[1]), ctypes.addressof(keys[0])
        return cnt


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


def map_entries(numbers):
    entries = {}
    for number in numbers:
        try:
            with MapFd(number) as table:
                info = table.info()
                name = info.name.decode()
                if name not in NOT_COUNTED and not name.startswith("heaptap_") and info.key_size:
                    entries[name] = table.entry_cnt(info.key_size, info.max_entries)
        except OSError:
            continue
    return entries


def rss_kib(pid):
    """Without what is shared: the ring is mapped twice, and counted as often."""
    with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
        _, resident, shared = map(int, file.read().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGESIZE") // 1024


def of(pid):
    """One dictionary: fds, links, rss_kib, and an entry for each map."""
    numbers, links = objects(pid)
    return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "links": links, "rss_kib": rss_kib(pid),
            **map_entries(numbers)}
