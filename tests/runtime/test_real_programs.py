# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real programs of the system, against two truths: a counter inside the process while heaptap traces it
(exact for any program, whatever it does by chance), and valgrind's summary of a run of its own (for
programs that do the same in every run and environment). oracle_table has all programs with all
allocators."""
import heaptap
import oracle
from harness import each
from real_programs import ALLOCATORS, PROGRAMS, command_of

# Not among them: perl (makes its environment into a hash), gcc and git (lengths of the environment,
# of temporary names), python3 (compiled files' times), threads (how the input is cut), clang-format (a
# stack for signals, as large as the registers of the processor that valgrind emulates or that there is).
SAME_EVERY_TIME = ("ls", "sort", "sqlite3", "find", "openssl", "awk", "cppcheck")

# Of the table of all programs with all allocators: every program with one, every allocator with some.
WITH_OTHERS = (("cppcheck", "jemalloc"), ("cppcheck", "tcmalloc"), ("cppcheck", "mimalloc"),
               ("redis under load", "jemalloc"), ("git that clones", "tcmalloc"),
               ("sort with threads", "mimalloc"))


def check_counted(t, name, allocator):
    counting = oracle.Counting(t, ALLOCATORS[allocator])
    tracing = heaptap.run(t, [*counting.prefix, *command_of(t, name)])
    counted = counting.compare(tracing)
    t.check(sum(image["allocs"] for image in counted) > 20, f"hardly anything was counted: {counted}")


@each(*PROGRAMS)
def test_totals_are_the_counters(t, name):
    check_counted(t, name, "glibc")


@each(*WITH_OTHERS)
def test_totals_with_another_allocator_are_the_counters(t, program_and_allocator):
    check_counted(t, *program_and_allocator)


@each(*SAME_EVERY_TIME)
def test_totals_are_valgrinds(t, name):
    command = command_of(t, name)
    totals = oracle.valgrind_totals(t, command)
    image = heaptap.run(t, command).only()
    t.equal({field: image["totals"][field] for field in totals}, totals, "heaptap's totals and valgrind's")
    heaptap.check_sound(t, image)


@each("perl", "python3", "gcc", "clang-format", "node")
def test_books_are_complete(t, name):
    tracing = heaptap.run(t, command_of(t, name))
    for image in tracing.images:
        heaptap.check_sound(t, image)
        t.check(image["totals"]["allocs"] > 0, f"nothing was seen of {image['comm']}")


def test_output_of_a_program_is_as_without(t):
    command = command_of(t, "sort")
    plain = t.run(command)
    traced = t.run([heaptap.HEAPTAP, "run", "-o", "/dev/null", "--", *command])
    t.check(plain.stdout_bytes == traced.stdout_bytes, "sort's output differs under heaptap")
