# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real programs of the system, with something to do, and the allocators that they can be made to use."""
import random
import re

SCRIPT = "import json, re; d = {str(i): [i] * 3 for i in range(2000)}; json.loads(json.dumps(d))"
SQL = ("create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all "
       "select i + 1 from n where i < 5000) insert into t select i, hex(i * 7919) from n; "
       "create index x on t(b); select count(*), min(b) from t;")
PERL = r'my %h; $h{$_ % 701} .= "x$_" for 1..20000; print scalar(keys %h), "\n"; `echo sub`'
NODE = ("const z = require('zlib'), w = require('worker_threads'); z.gzipSync('x'.repeat(1e6)); "
        "new w.Worker('require(\"crypto\").pbkdf2Sync(\"a\", \"b\", 999, 64, \"sha512\")', {eval: true})")
REDIS = """
redis-server --port 0 --unixsocket {socket} --dir {directory} --save '' >{directory}/log &
until redis-cli -s {socket} ping; do sleep 0.05; done
redis-benchmark -s {socket} -q -n 2000 -c 20 -t set,get,lpush,lpop,sadd,hset,spop,zadd
redis-cli -s {socket} eval "for i = 1, 2000 do redis.call('append', 'k' .. i % 99, i) end" 0
redis-cli -s {socket} bgsave
redis-cli -s {socket} shutdown nosave
wait
"""

# Words {numbers}, {source}, {object}, {directory} and {socket} stand for files made for the test.
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
    "openssl that signs": ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-subj", "/CN=x", "-keyout", "{object}", "-out", "{object}"],
    "awk": ["awk", "{s[$1 % 99] += $1} END {for (k in s) print k, s[k]}", "{numbers}"],
    "git": ["git", "init", "{object}"],
    "git that clones": ["git", "clone", "-q", "--no-local", "{repository}", "{object}"],
    "shell with pipes": ["sh", "-c", "sort {numbers} | uniq | (head -3; cat >/dev/null) | wc -l"],
    "redis under load": ["sh", "-c", REDIS],
    "clang-format": ["clang-format", "{source}"],
    "cppcheck": ["cppcheck", "-q", "{source}"],
    "node": ["node", "-e", NODE],
    "zstd with threads": ["zstd", "-q", "-T2", "-f", "{numbers}", "-o", "{object}"],
}

# Those that a program can be given by LD_PRELOAD, by the library's name.
ALLOCATORS = {
    "glibc": None,
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2",
}

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



def make_repository(t):
    """Of a few commits, for git."""
    path = t.path("repository")
    script = (f"git init -q {path}; cd {path}; for i in 1 2 3; do echo $i >file$i; git add .; "
              "git -c user.name=a -c user.email=b commit -q -m $i; done")
    t.status(t.run(["sh", "-c", script]), 0)
    return path


def make_numbers(t):
    path = t.path("numbers")
    numbers = random.Random(7)
    path.write_text("".join(f"{numbers.randrange(10**9)}\n" for _ in range(50000)))
    return path


def make_source(t):
    path = t.path("source.c")
    path.write_text(SOURCE)
    return path


FILES = {
    "{numbers}": make_numbers, "{source}": make_source, "{repository}": make_repository,
    "{object}": lambda t: t.path("object"), "{directory}": lambda t: t.directory,
    "{socket}": lambda t: t.path("socket"),
}


def command_of(t, name):
    """The command, with its files made; skips the test where the program is not installed."""
    command = PROGRAMS[name]
    t.need(command[0], *re.findall(r"^(redis\S+)", command[-1], re.MULTILINE))
    for key, make in FILES.items():
        if any(key in word for word in command):
            path = str(make(t))
            command = [word.replace(key, path) for word in command]
    return command
