#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""check_summary.py JSON_SCHEMA.md OUTPUT [EXPRESSION...]

Reads heaptap's JSON output with another parser than the one that wrote it, and holds it against the
contract document: each line has exactly the documented fields, of the documented types, null only
where a row says so. Then each expression (of `s`, the last line's summary) must be True.
"""
import datetime
import json
import re
import sys


def is_count(v):
    return type(v) is int and 0 <= v < 1 << 64


def is_time(v):
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", v):
        return False
    return bool(datetime.datetime.fromisoformat(v[:-1]))


TYPES = {
    "count": is_count,
    "signed": lambda v: type(v) is int and -(1 << 63) <= v < 1 << 63,
    "seconds": lambda v: type(v) is float and v >= 0,
    "time": is_time,
    "hex": lambda v: re.fullmatch(r"0x(0|[1-9a-f][0-9a-f]*)", v) is not None,
    "text": lambda v: type(v) is str and v.encode("utf-8") is not None,
    "bool": lambda v: type(v) is bool,
    "object": lambda v: type(v) is dict,
    "array": lambda v: type(v) is list,
}


def read_contract(path):
    """path of a field -> (type, may be null), from the tables of the document"""
    contract, prefixes = {}, None
    for line in open(path, encoding="utf-8"):
        if line.startswith("## "):
            where = re.findall(r"`([^`]+)`", line)
            if line.startswith("## The summary"):
                prefixes = [""]
            elif line.startswith("## Losses"):
                prefixes = ["", "processes[]."]
            else:
                prefixes = [path + "." for path in where] or None
        row = re.match(r"\| `([^`]+)` \| (\w+) \|([^|]*)\|", line)
        if row and prefixes is not None:
            for prefix in prefixes:
                key = prefix + row[1]
                assert key not in contract, "twice in the contract: " + key
                contract[key] = (row[2], row[3].strip() != "")
    # objects that have rows for their fields, and none of their own
    for key in list(contract):
        outer = key.rpartition(".")[0]
        while outer and not outer.endswith("[]"):
            contract.setdefault(outer, ("object", False))
            outer = outer.rpartition(".")[0]
    return contract


def walk(value, path, contract, seen):
    kind, nullable = contract.get(path, (None, False))
    assert kind, "not in the contract: " + path
    seen.add(path)
    if value is None:
        assert nullable, "null against the contract: " + path
        return
    assert TYPES[kind](value), "%s is no %s: %r" % (path, kind, value)
    if isinstance(value, list):
        for item in value:
            walk_object(item, path, contract, seen)
    elif isinstance(value, dict):
        walk_object(value, path, contract, seen)


def walk_object(value, path, contract, seen):
    prefix = path + "." if path else ""
    inside = re.compile(re.escape(prefix) + r"[^.\[]+(\[\])?")
    expected = {key for key in contract if inside.fullmatch(key)}
    have = {prefix + k + ("[]" if prefix + k + "[]" in contract else "") for k in value}
    assert have == expected, "%s: %s" % (path, sorted(have ^ expected))
    for key, item in value.items():
        name = prefix + key
        walk(item, name + "[]" if name + "[]" in contract else name, contract, seen)


def no_twins(pairs):
    assert len(dict(pairs)) == len(pairs), "a key twice: %r" % [k for k, _ in pairs]
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is no JSON")


def main():
    contract = read_contract(sys.argv[1])
    raw = open(sys.argv[2], "rb").read()
    assert raw.endswith(b"\n")
    seen = set()
    for line in raw[:-1].split(b"\n"):
        s = json.loads(line.decode("utf-8"), object_pairs_hook=no_twins,
                       parse_constant=no_constant)
        walk_object(s, "", contract, seen)
    for expression in sys.argv[3:]:
        assert eval(expression, {"s": s}) is True, "not true: " + expression
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, ValueError) as error:
        sys.exit("check_summary: %s" % error)
