#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""check_formats.py JSON FOLDED PPROF MASSIF

Reads four formats of the same summary by readers of its own (strict ones, written from the formats'
descriptions), and holds the other three against the JSON: every stack with its frames' names and its
numbers. Only what JSON cannot tell is left out: names whose bytes are no UTF-8.
"""
import collections
import functools
import gzip
import json
import re
import sys

CONTROLS = [(0x00, 0x1f), (0x7f, 0x9f), (0x61c, 0x61c), (0x200e, 0x200f), (0x2028, 0x202e),
            (0x2066, 0x2069)]


@functools.lru_cache(maxsize=None)
def printable(text, separators=""):
    """What a name must look like where a terminal may see it; None if its bytes are not known."""
    if "\ufffd" in text:
        return None
    return "".join("".join(f"\\x{byte:02x}" for byte in c.encode())
                   if any(low <= ord(c) <= high for low, high in CONTROLS) or c in separators else c
                   for c in text)


def frame_name(frame, separators=""):
    if frame["function"]:
        return printable(frame["function"], separators)
    if frame["module"] and frame["module_offset"]:
        tail = frame["module"].rpartition("/")[2] or frame["module"]
        return printable(f"[{tail}+{frame['module_offset']}]", separators)
    return f"[{frame['address']}]"


def is_clean(names):
    return all(name is not None for name in names)


def stacks_of(summary):
    return [(process, stack) for process in summary["processes"] for stack in process["stacks"]]


def same(what, found, wanted):
    missing, surplus = wanted - found, found - wanted
    assert not missing and not surplus, \
        f"{what}: missing {list(missing.items())[:3]}, surplus {list(surplus.items())[:3]}"


# ---- folded


def read_folded(raw):
    lines = []
    assert not raw or raw.endswith(b"\n"), "the last line has no end"
    for line in raw.decode("utf-8").split("\n")[:-1]:
        match = re.fullmatch(r"([^\x00-\x1f\x7f]+) (\d+)", line)
        assert match, f"no folded line: {line!r}"
        names = match[1].split(";")
        assert all(names) and len(names) > 1, f"an empty frame: {line!r}"
        lines.append((tuple(names), int(match[2])))
    return lines


def folded_names(process, stack):
    names = [frame_name(frame, ";") for frame in reversed(stack["frames"])]
    if not names:
        names = ["[unknown]"]
    elif not stack["complete"]:
        names.insert(0, "[incomplete]")
    return (printable(f"{process['comm'] or '?'}-{process['pid']}", ";"), *names)


def check_folded(raw, summary):
    lines = read_folded(raw)
    holding = [(folded_names(process, stack), stack["outstanding_bytes"])
               for process, stack in stacks_of(summary) if stack["outstanding_bytes"]]
    assert len(lines) == len(holding), f"folded: {len(lines)} lines, {len(holding)} stacks"
    assert sum(value for _, value in lines) == sum(value for _, value in holding), "folded: sum"
    if all(is_clean(names) for names, _ in holding):
        same("folded", collections.Counter(lines), collections.Counter(holding))


# ---- pprof: proto/profile.proto


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def message(data):
    """number -> values"""
    fields, at = collections.defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            sz, at = varint(data, at)
            value, at = data[at:at + sz], at + sz
            assert len(value) == sz, "a field runs over its end"
        fields[tag >> 3].append(value)
    return fields


def packed(runs):
    values = []
    for run in runs:
        at = 0
        while at < len(run):
            value, at = varint(run, at)
            values.append(value)
    return values


def one(fields, number, default=0):
    assert len(fields[number]) <= 1, f"field {number} comes {len(fields[number])} times"
    return fields[number][0] if fields[number] else default


def read_pprof(raw):
    """value types, and samples as (names leaf first with file and line, values, labels)"""
    profile = message(gzip.decompress(raw))
    strings = [text.decode("utf-8") for text in profile[6]]
    assert strings[0] == "", "string table"
    assert not any(printable(text) != text for text in strings), "a control character"
    entries = {}
    for number in (3, 4, 5):
        table = [message(data) for data in profile[number]]
        assert [one(entry, 1) for entry in table] == list(range(1, len(table) + 1)), "ids"
        entries[number] = {one(entry, 1): entry for entry in table}
    places = {}
    for key, location in entries[4].items():
        mapping = one(location, 2)
        place = entries[3][mapping] if mapping else None
        lines = [message(line) for line in location[4]]
        functions = [entries[5][one(line, 1)] for line in lines]
        places[key] = [(strings[one(function, 2)], strings[one(function, 4)], one(line, 2),
                        strings[one(place, 5)] if place else "",
                        strings[one(place, 6)] if place else "")
                       for function, line in zip(functions, lines)]
    types = [(strings[one(kind, 1)], strings[one(kind, 2)]) for kind in map(message, profile[1])]
    samples = []
    for data in profile[2]:
        sample = message(data)
        frames = [frame for key in packed(sample[1]) for frame in places[key]]
        labels = {strings[one(label, 1)]: strings[one(label, 2)] or one(label, 3)
                  for label in map(message, sample[3])}
        values = packed(sample[2])
        assert len(values) == len(types)
        samples.append((tuple(frames), tuple(values), labels.get("comm", ""), labels.get("pid", 0)))
    assert strings[one(profile, 14)] == "inuse_space"
    return types, samples


def pprof_frame(frame):
    return (printable(frame["function"]), printable(frame["file"] or ""), frame["line"] or 0,
            printable(frame["module"] or ""), printable(frame["build_id"] or ""))


def pprof_sample(process, stack):
    frames = [pprof_frame(frame) for frame in stack["frames"] if frame["function"]]
    if not stack["frames"]:
        frames.append(("[unknown]", "", 0, "", ""))
    elif not stack["complete"]:
        frames.append(("[incomplete]", "", 0, "", ""))
    values = tuple(min(stack[key], (1 << 63) - 1) for key in
                   ("allocs", "bytes_allocated", "outstanding_blocks", "outstanding_bytes"))
    return tuple(frames), values, printable(process["comm"]), process["pid"]


def check_pprof(raw, summary):
    types, samples = read_pprof(raw)
    assert types == [("alloc_objects", "count"), ("alloc_space", "bytes"),
                     ("inuse_objects", "count"), ("inuse_space", "bytes")], types
    wanted = [pprof_sample(process, stack) for process, stack in stacks_of(summary)]
    same("pprof's values", collections.Counter(sample[1] for sample in samples),
         collections.Counter(sample[1] for sample in wanted))
    if all(is_clean(frame) for sample in wanted for frame in (*sample[0], sample[2:3])):
        same("pprof", collections.Counter(samples), collections.Counter(wanted))


# ---- massif: as ms_print reads it


def read_tree(lines, depth):
    line = re.sub("#.*", "", next(lines))
    match = re.fullmatch(r"( *)n(\d+): (\d+) (\S.*)", line)
    assert match and len(match[1]) == depth, f"no node at depth {depth}: {line!r}"
    children = [read_tree(lines, depth + 1) for _ in range(int(match[2]))]
    bytes_ = int(match[3])
    assert sum(child[0] for child in children) <= bytes_, f"children are more than {line!r}"
    sizes = [child[0] for child in children if not re.match(r"in \d+ place", child[1])]
    assert sizes == sorted(sizes, reverse=True), f"children are not sorted: {line!r}"
    return bytes_, match[4], children


def read_massif(raw):
    """(fields, tree or None) of each snapshot"""
    text = raw.decode("utf-8")
    assert printable(text.replace("\n", "")) == text.replace("\n", ""), "a control character"
    lines = iter(text.split("\n")[:-1])
    for key in ("desc", "cmd", "time_unit"):
        assert next(lines).startswith(key + ": "), key
    snapshots = []
    for line in lines:
        assert line.startswith("#---"), line
        fields = dict([next(lines).split("=")])
        assert next(lines).startswith("#---")
        for key in ("time", "mem_heap_B", "mem_heap_extra_B", "mem_stacks_B", "heap_tree"):
            name, value = next(lines).split("=")
            assert name == key, f"{name}, not {key}"
            fields[name] = value
        assert int(fields["snapshot"]) == len(snapshots)
        tree = None if fields["heap_tree"] == "empty" else read_tree(lines, 0)
        assert not tree or tree[0] == int(fields["mem_heap_B"])
        snapshots.append((fields, tree))
    return snapshots


def check_massif(raw, summary):
    (fields, tree), = read_massif(raw)
    totals = [process["totals"]["outstanding_bytes"] if process["filtered_bytes"] is None
              else process["filtered_bytes"] for process in summary["processes"]]
    assert int(fields["mem_heap_B"]) == sum(totals) % (1 << 64), "massif's total"
    if len(totals) != 1:
        return
    first = collections.Counter()
    for _, stack in stacks_of(summary):
        callers = [frame for frame in stack["frames"][1:]]
        while callers and (callers[0]["function"] or "").startswith("operator new"):
            callers.pop(0)
        if callers:
            first[callers[0]["address"], callers[0]["function"]] += stack["outstanding_bytes"]
    for bytes_, label, _ in tree[2]:
        if not re.match(r"in \d+ place", label):
            address, name = re.match(r"(0x[0-9a-f]+): (.*) \(", label).groups()
            found = sum(value for (at, function), value in first.items()
                        if at == address and name == printable(function or "???", "#"))
            assert found == bytes_ or "\\x" in name, f"massif: {label}: {bytes_}, not {found}"


def main():
    contents = [open(path, "rb").read() for path in sys.argv[1:5]]
    summary = json.loads(contents[0].decode("utf-8").split("\n")[0])
    check_folded(contents[1], summary)
    check_pprof(contents[2], summary)
    check_massif(contents[3], summary)


if __name__ == "__main__":
    sys.setrecursionlimit(20000)
    try:
        main()
    except AssertionError as error:
        sys.exit(f"check_formats: {error}")
