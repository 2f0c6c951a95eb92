# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap probes and heaptap doctor: what would be done, and what this machine gives."""
import os
import re

import heaptap
from harness import each, without_bpf
from puppet import Puppet

# (Not cfree and free_sized of liballoc_ours.so: they only hand on to free, and may be left out.)
LIBRARY_FUNCTIONS = {
    "liballoc_ours.so": ["malloc", "calloc", "realloc", "reallocarray", "free", "posix_memalign",
                         "aligned_alloc", "memalign", "valloc", "pvalloc"],
    "liballoc_ours_new.so": ["malloc", "free", "_Znwm", "_ZnamSt11align_val_t", "_ZdlPvm"],
    "libforward.so": ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "free"],
}


def lines_with(text, function):
    """The lines in which the function's name stands as a word of its own."""
    return [line for line in text.splitlines() if re.search(rf"(^|\s){re.escape(function)}(\s|\+|$)", line)]


def probes(t, *arguments):
    finished = t.run([heaptap.HEAPTAP, "probes", *arguments])
    t.status(finished, 0)
    return finished.stdout


@each(*LIBRARY_FUNCTIONS)
@without_bpf
def test_functions_of_a_library(t, library):
    text = probes(t, heaptap.program(library))
    missing = [name for name in LIBRARY_FUNCTIONS[library] if not lines_with(text, name)]
    t.equal(missing, [], f"functions that are not in:\n{text}")


def symbol_offset(t, library, name):
    """The file offset of a function, by readelf: of a library whose addresses are its file offsets."""
    for line in t.run(["readelf", "-W", "--dyn-syms", library]).stdout.splitlines():
        words = line.split()
        if len(words) > 7 and words[7] == name:
            return int(words[1], 16)
    return t.skip(f"readelf shows no {name}")


@without_bpf
def test_offsets_are_the_functions(t):
    t.need("readelf")
    library = heaptap.program("liballoc_ours.so")
    text = probes(t, library)
    for name in ("malloc", "free", "realloc"):
        entry = symbol_offset(t, library, name)
        offsets = [int(word, 16) for line in lines_with(text, name) for word in re.findall(r"0x([0-9a-f]+)", line)]
        t.check(any(entry <= offset < entry + 32 for offset in offsets),
                f"no offset near {entry:#x} for {name}: {lines_with(text, name)}")


@without_bpf
def test_instruction_and_cost_are_told(t):
    text = probes(t, heaptap.program("liballoc_ours.so"))
    t.check(re.search(r"emulated|single-stepped", text), f"no cost in:\n{text}")
    t.check(re.search(r"push|sub|mov|endbr64|test|nop", text), f"no instruction in:\n{text}")


def test_of_a_process_all_its_allocators(t):
    puppet = Puppet(t, prefix=["env", f"LD_PRELOAD={heaptap.program('libforward.so')}"])
    text = probes(t, puppet.pid)
    t.contains(text, "libforward.so", "probes")
    t.check(re.search(r"libc[.-]", text), f"libc is not in:\n{text}")


@without_bpf
def test_of_a_program_the_libraries_it_needs(t):
    t.contains(probes(t, heaptap.program("leak_ours")), "liballoc_ours.so", "probes")


def test_doctor_finds_this_machine_good(t):
    finished = t.run([heaptap.HEAPTAP, "doctor"])
    t.status(finished, 0)
    for part in (os.uname().release, "BTF", "session", "multi", "perf"):
        t.contains(finished.stdout, part, "doctor")


def test_doctor_without_privilege_says_what_is_missing(t):
    t.need("setpriv")
    finished = t.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", heaptap.HEAPTAP, "doctor"])
    t.check(finished.status in (0, 3), finished.told())
    t.contains(finished.stdout, "CAP_BPF", "doctor")


def test_doctor_without_btf_says_so(t):
    t.need("unshare")
    script = f"mount -t tmpfs none /sys/kernel/btf && exec {heaptap.HEAPTAP} doctor"
    finished = t.run(["unshare", "-m", "/bin/sh", "-c", script])
    t.check(finished.status in (0, 4), finished.told())
    t.check(re.search(r"BTF.*(missing|not there|no)|(no|missing).*BTF", finished.stdout, re.IGNORECASE),
            f"doctor does not say that BTF is missing:\n{finished.stdout}")
