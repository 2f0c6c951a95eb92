# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the real programs work on: made once, always the same, in the build directory."""
import concurrent.futures
import random
import subprocess

from measure import Failed
from places import INPUTS

SEED = 20240229


def made(name, make):
    """The file or folder of that name; make(path) makes it if it is not there yet."""
    path = INPUTS / name
    if not path.exists():
        INPUTS.mkdir(parents=True, exist_ok=True)
        unfinished = INPUTS / f"unfinished-{name}"
        make(unfinished)
        unfinished.rename(path)
    return path


def run(argv, **how):
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **how,
                          check=False)
    if done.returncode:
        raise Failed(f"{argv[0]}: {done.stderr[-300:]!r}")


# ---- python3

PYTHON = """
import ast, json
rows = [{"id": i, "name": "row %d" % i, "tags": [str(i % k) for k in range(1, 9)], "part": {"x": i / 3}}
        for i in range(4000)]
code = "\\n".join("def f%d(a, b=%d):\\n    return [a * x + b for x in range(%d) if x %% 3]" % (i, i, i)
                 for i in range(600))
for _ in range(ROUNDS):
    assert json.loads(json.dumps(rows)) == rows
    sum(1 for _ in ast.walk(ast.parse(code)))
"""


def python(rounds):
    path = made(f"load-{rounds}.py", lambda path: path.write_text(PYTHON.replace("ROUNDS", str(rounds))))
    return ["/usr/bin/python3", "-I", path]


# ---- sqlite3

def rows(path, cnt):
    chosen = random.Random(SEED)
    with open(path, "w", encoding="ascii") as file:
        for i in range(cnt):
            file.write(f"{i},name {chosen.randrange(10 ** 6)},{chosen.random():.6f},{'x' * (i % 40)}\n")


def sqlite(cnt):
    path = made(f"rows-{cnt}.csv", lambda path: rows(path, cnt))
    return ["sqlite3", ":memory:", "create table t(id integer primary key, name text, value real, rest text);",
            ".mode csv", f".import {path} t", "create index by_name on t(name);", "select count(*) from t;"]


# ---- gcc

FUNCTION = """
struct s{n} {{ int a[{size}]; struct s{n} *next; double weight; }};
double f{n}(struct s{n} *list, int cnt)
{{
	double sum = 0;

	for (struct s{n} *s = list; s; s = s->next) {{
		for (int i = 0; i < cnt; i++)
			sum += s->a[i % {size}] * s->weight + ((i ^ {n}) & 15 ? i : -s->a[(i * 7) % {size}]);
		switch (cnt % 5) {{
		case 0: sum *= 1.5; break;
		case 1: sum -= s->a[0]; break;
		case 2: sum = sum > {n} ? {n} : sum; break;
		default: sum += cnt;
		}}
	}}
	return sum;
}}
"""


def compilation(compiler, functions):
    path = made(f"functions-{functions}.i", lambda path: path.write_text(
        "".join(FUNCTION.format(n=n, size=8 + n % 24) for n in range(functions))))
    return [compiler, "-quiet", "-O2", "-fpreprocessed", path, "-o", "/dev/null"]


# ---- git

def commits(cnt):
    """A stream for git fast-import: each commit changes one of 200 files."""
    chosen = random.Random(SEED)
    for i in range(cnt):
        message = f"area {i % 37}: change {i}\n\n{'Because of this and that. ' * (i % 7)}"
        content = "".join(f"line {chosen.randrange(50)} of it\n" for _ in range(20))
        yield (f"commit refs/heads/main\ncommitter A U Thor <author{i % 90}@example.org> {1500000000 + i * 600} +0000\n"
               f"data {len(message)}\n{message}\nM 100644 inline dir{i % 20}/file{i % 200}\n"
               f"data {len(content)}\n{content}\n")


def repository(path, cnt):
    run(["git", "init", "-q", "--bare", path])
    run(["git", "-C", path, "fast-import", "--quiet"], input="".join(commits(cnt)).encode())


def history(cnt):
    path = made(f"history-{cnt}.git", lambda path: repository(path, cnt))
    return ["git", "--no-pager", "-C", path, "log", "--stat", "main"]


# ---- a program with much debug information

UNIT_CNT, LEAVES_PER_UNIT, TYPES = 100, 100, 3200  # 10,000 call stacks, some 50 MB

LEAF = """
static inline __attribute__((always_inline)) void *obtain{n}(struct type{type} *from, long size)
{{
	void *block = malloc(sizeof(*from) + size);

	return block;
}}
__attribute__((noinline)) void leaf{n}(void **slot)
{{
	struct type{type} *old = *slot;

	*slot = obtain{n}(old, {n});
	free(old);
}}
"""
MAIN = """
#include <stdio.h>
#include <unistd.h>
#define UNIT(n) void unit##n(void **slots);
#include "units.def"
#undef UNIT
static void *slots[{leaves}];
int main(void)
{{
	for (int round = 0;; round++, usleep(20000)) {{
#define UNIT(n) unit##n(slots + n * {per_unit});
#include "units.def"
		printf("round %d\\n", round);
		fflush(stdout);
	}}
}}
"""


def types_header():
    members = "\n".join(f"\tlong member{m}; char *text{m};" for m in range(4))
    return "#include <stdlib.h>\n" + "\n".join(
        f"struct type{n} {{\n\tstruct type{(n * 7 + 1) % TYPES} *next;\n{members}\n}};" for n in range(TYPES))


def unit(number):
    numbers = range(number * LEAVES_PER_UNIT, (number + 1) * LEAVES_PER_UNIT)
    calls = "\n".join(f"\tleaf{n}(slots + {n % LEAVES_PER_UNIT});" for n in numbers)
    return ('#include "types.h"\n' + "".join(LEAF.format(n=n, type=n % TYPES) for n in numbers) +
            f"void unit{number}(void **slots)\n{{\n{calls}\n}}\n")


def debug_program(path):
    path.mkdir()
    (path / "types.h").write_text(types_header())
    (path / "units.def").write_text("".join(f"UNIT({n})\n" for n in range(UNIT_CNT)))
    (path / "main.c").write_text(MAIN.format(leaves=UNIT_CNT * LEAVES_PER_UNIT, per_unit=LEAVES_PER_UNIT))
    for number in range(UNIT_CNT):
        (path / f"unit{number}.c").write_text(unit(number))
    flags = ["gcc", "-O2", "-g", "-fno-eliminate-unused-debug-types", "-fno-builtin"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda source: run([*flags, "-c", source, "-o", source.with_suffix(".o")]), path.glob("*.c")))
    run(["gcc", "-o", path / "program", *sorted(path.glob("*.o"))])
    for source in [*path.glob("*.o"), *path.glob("*.c")]:
        source.unlink()


def much_debug_information():
    return made("much-debug-information", debug_program) / "program"
