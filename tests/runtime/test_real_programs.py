# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real programs of the system, against two truths: a counter inside the process while heaptap traces it
(exact for any program, whatever it does by chance), and valgrind's summary of a run of its own (for
programs that do the same in every run and environment)."""
import random

import heaptap
import oracle
from harness import each

SCRIPT = "import json, re; d = {str(i): [i] * 3 for i in range(2000)}; json.loads(json.dumps(d))"
SQL = ("create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all "
       "select i + 1 from n where i < 5000) insert into t select i, hex(i * 7919) from n; "
       "create index x on t(b); select count(*), min(b) from t;")
PERL = r'my %h; $h{$_ % 701} .= "x$_" for 1..20000; print scalar(keys %h), "\n"; `echo sub`'

# Words {numbers} and {source} stand for files made for the test.
PROGRAMS = {
    "ls": ["ls", "-laR", "/etc/apt", "/usr/lib/python3"],
    "sort": ["sort", "--parallel=1", "{numbers}"],
    "sort with threads": ["sort", "--parallel=4", "-S", "200K", "{numbers}"],
    "perl": ["perl", "-e", PERL],
    "python3": ["/usr/bin/python3", "-c", SCRIPT],
    "python3 without its own allocator": ["env", "PYTHONMALLOC=malloc", "/usr/bin/python3", "-c", SCRIPT],
    "sqlite3": ["sqlite3", ":memory:", SQL],
    "gcc": ["gcc", "-O1", "-c", "{source}", "-o", "{object}"],
    "g++": ["g++", "-O1", "-x", "c++", "{source}", "-o", "{object}"],
    "tar and gzip": ["tar", "czf", "{object}", "{numbers}", "{source}"],
    "find": ["find", "/usr/lib/python3", "-name", "*.py"],
    "openssl": ["openssl", "sha256", "{numbers}"],
    "awk": ["awk", "{s[$1 % 99] += $1} END {for (k in s) print k, s[k]}", "{numbers}"],
    "git": ["git", "init", "{object}"],
    "shell with pipes": ["sh", "-c", "sort {numbers} | uniq | (head -3; cat >/dev/null) | wc -l"],
}

# Not among them: perl (makes its environment into a hash), gcc and git (lengths of the environment,
# of temporary names), python3 (compiled files' times), threads (how the input is cut).
SAME_EVERY_TIME = ("ls", "sort", "sqlite3", "find", "openssl", "awk")

SOURCE = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 100, *v = (int *)malloc(n * sizeof(int));
    for (int i = 0; i < n; i++) v[i] = (i * 7919) % n;
    qsort(v, n, sizeof(*v), compare);
    printf("%d %zu\\n", v[n / 2], strlen(argv[0]));
    free(v);
    return 0;
}
"""


def command_of(t, name):
    files = {"{numbers}": t.path("numbers"), "{source}": t.path("source.c"), "{object}": t.path("object")}
    files["{source}"].write_text(SOURCE)
    numbers = random.Random(7)
    files["{numbers}"].write_text("".join(f"{numbers.randrange(10**9)}\n" for _ in range(50000)))
    command = []
    for word in PROGRAMS[name]:
        for key, path in files.items():
            word = word.replace(key, str(path))
        command.append(word)
    t.need(command[0])
    return command


@each(*PROGRAMS)
def test_totals_are_the_counters(t, name):
    counting = oracle.Counting(t)
    tracing = heaptap.run(t, [*counting.prefix, *command_of(t, name)])
    counted = counting.compare(tracing)
    t.check(sum(image["allocs"] for image in counted) > 20, f"hardly anything was counted: {counted}")


@each(*SAME_EVERY_TIME)
def test_totals_are_valgrinds(t, name):
    command = command_of(t, name)
    totals = oracle.valgrind_totals(t, command)
    image = heaptap.run(t, command).only()
    t.equal({field: image["totals"][field] for field in totals}, totals, "heaptap's totals and valgrind's")
    heaptap.check_sound(t, image)


@each("perl", "python3", "gcc", "clang-format", "node")
def test_books_are_complete(t, name):
    commands = {"clang-format": ["clang-format", "{source}"], "node": ["node", "-e", "[1, 2].map(String)"]}
    PROGRAMS.setdefault(name, commands.get(name))
    tracing = heaptap.run(t, command_of(t, name))
    for image in tracing.images:
        heaptap.check_sound(t, image)
        t.check(image["totals"]["allocs"] > 0, f"nothing was seen of {image['comm']}")


def test_output_of_a_program_is_as_without(t):
    command = command_of(t, "sort")
    plain = t.run(command)
    traced = t.run([heaptap.HEAPTAP, "run", "-o", "/dev/null", "--", *command])
    t.check(plain.stdout_bytes == traced.stdout_bytes, "sort's output differs under heaptap")
