#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""instructions.py OBJECT RECORD: how many instructions each BPF program has, and whether that is what is recorded.

Counted in the object file as clang wrote it, so that neither the kernel (whose verifier drops what a knob turns off,
and rewrites helpers) nor a disassembler has a say: the program's own instructions, and those of every function that
it calls or passes on as a callback, each once; this is what libbpf puts together to load. Sizes are those of the
symbol table; calls are found in the code and its relocations (kernel: Documentation/bpf/llvm_reloc.rst).

Compilers differ, so RECORD has a column for each major version of clang that somebody has recorded with; with another
the check is skipped. A program may be larger by a tenth, or smaller, than its record. HEAPTAP_UPDATE_GOLDEN=1 writes
the record anew, for the compiler in use (CLANG)."""
import os
import pathlib
import re
import struct
import subprocess
import sys

INSTRUCTION_SZ = 8
CALL, LOAD_64 = 0x85, 0x18           # BPF_JMP | BPF_CALL, BPF_LD | BPF_DW | BPF_IMM: linux/bpf_common.h
PSEUDO_CALL = 1                      # source register: linux/bpf.h
SHT_SYMTAB, SHT_REL, SHF_EXECINSTR = 2, 9, 4
STT_FUNC, STT_SECTION = 2, 3
TOLERANCE = 0.1


class Object:
    """The functions of a 64-bit little-endian ELF file of BPF."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        offset, entry_sz, cnt, names = (*struct.unpack_from("<Q", self.data, 0x28),
                                        *struct.unpack_from("<HHH", self.data, 0x3a))
        self.headers = [struct.unpack_from("<IIQQQQIIQQ", self.data, offset + i * entry_sz) for i in range(cnt)]
        self.names = [self.string(self.headers[names], header[0]) for header in self.headers]
        table = next(header for header in self.headers if header[1] == SHT_SYMTAB)
        self.symbols = [struct.unpack_from("<IBBHQQ", self.data, table[4] + i * 24) for i in range(table[5] // 24)]
        strings = self.headers[table[6]]
        # (section, offset) → name, size
        self.functions = {(section, value): (self.string(strings, name), size)
                          for name, info, _, section, value, size in self.symbols if info & 15 == STT_FUNC}

    def string(self, header, at):
        start = header[4] + at
        return self.data[start:self.data.index(b"\0", start)].decode()

    def relocations(self, section):
        """offset → symbol"""
        found = {}
        for header in self.headers:
            if header[1] == SHT_REL and header[7] == section:
                for i in range(header[5] // 16):
                    offset, info = struct.unpack_from("<QQ", self.data, header[4] + i * 16)
                    found[offset] = self.symbols[info >> 32]
        return found

    def callees(self, function):
        """The functions that it names."""
        section, start = function
        relocations = self.relocations(section)
        for at in range(start, start + self.functions[function][1], INSTRUCTION_SZ):
            code, registers, _, immediate = struct.unpack_from("<BBhi", self.data, self.headers[section][4] + at)
            is_call = code == CALL and registers >> 4 == PSEUDO_CALL
            symbol = relocations.get(at)
            if not is_call and not (code == LOAD_64 and symbol):
                continue
            target = self.target(section, at, immediate, symbol, is_call)
            if target in self.functions:
                yield target

    @staticmethod
    def target(section, at, immediate, symbol, is_call):
        relative = (immediate + 1) * INSTRUCTION_SZ if is_call else immediate
        if not symbol:
            return section, at + relative
        _, info, _, in_section, value, _ = symbol
        return in_section, value + (relative if info & 15 == STT_SECTION else 0)

    def with_callees(self, function):
        seen, left = {function}, [function]
        while left:
            for callee in self.callees(left.pop()):
                if callee not in seen:
                    seen.add(callee)
                    left.append(callee)
        return seen


def of_programs(path):
    """{program: instructions}"""
    file = Object(path)
    return {name: sum(file.functions[part][1] for part in file.with_callees((section, at))) // INSTRUCTION_SZ
            for (section, at), (name, _) in sorted(file.functions.items())
            if file.names[section] != ".text" and file.headers[section][2] & SHF_EXECINSTR}


# ---- the record

def compiler():
    text = subprocess.run([os.environ.get("CLANG", "clang"), "--version"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return f"clang-{re.search(r'version ([0-9]+)', text)[1]}"


def read_record(path):
    """{compiler: {program: instructions}}"""
    heads, *rows = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {head: {row[0]: int(row[i]) for row in rows if row[i] != "-"} for i, head in enumerate(heads) if i}


def write_record(path, record):
    comment = [line for line in path.read_text().splitlines() if line.startswith("#")]
    heads = sorted(record)
    programs = dict.fromkeys(name for column in record.values() for name in column)
    rows = [f"{'program':<18}" + "".join(f"{head:>10}" for head in heads)]
    rows += [f"{name:<18}" + "".join(f"{record[head].get(name, '-'):>10}" for head in heads) for name in programs]
    path.write_text("\n".join(comment + rows) + "\n")


def fault(found, recorded):
    if recorded is None:
        return "is not recorded"
    if found is None:
        return "is recorded, and not there"
    if found > recorded * (1 + TOLERANCE):
        return f"has {found} instructions, {found / recorded - 1:.0%} more than the {recorded} recorded"
    return None


def check(found, recorded):
    failed = 0
    for name in sorted({*found, *recorded}):
        wrong = fault(found.get(name), recorded.get(name))
        failed += wrong is not None
        print(f"FAIL bpf/{name} {wrong}" if wrong else f"ok bpf/{name} has {found[name]} instructions")
    print(f"{len({*found, *recorded}) - failed} passed, {failed} failed")
    return failed


def main(object_path, record_path):
    path, version = pathlib.Path(record_path), compiler()
    found, record = of_programs(object_path), read_record(path)
    if os.environ.get("HEAPTAP_UPDATE_GOLDEN"):
        write_record(path, {**record, version: found})
        record[version] = found
    if version not in record:
        print(f"skip bpf/{version} is not among the recorded compilers: {', '.join(record)}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    return 1 if check(found, record[version]) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
