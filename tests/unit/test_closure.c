/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files of a program to be, beside what the dynamic linker itself says it would map
 * (LD_TRACE_LOADED_OBJECTS=1, which is what ldd prints).
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "probe/closure.h"
#include "probe/expand.h"

static char directory[PATH_MAX];

/* A path in the test's directory; the returned buffer is static. */
static const char *in_directory(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[4 * PATH_MAX];
	int used = snprintf(command, sizeof(command), "cd '%s' && ", directory);
	va_list args;

	va_start(args, format);
	vsnprintf(command + used, sizeof(command) - used, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(in_directory(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(in_directory(name), mode), 0);
}

static void add_canonical(struct paths *paths, const char *path)
{
	char *canonical = realpath(path, NULL);

	assert_non_null(canonical);
	assert_int_equal(paths__add(paths, canonical), 0);
	free(canonical);
}

/* "\tlibz.so.1 => /lib/libz.so.1 (0x…)", "\t/lib64/ld-linux-x86-64.so.2 (0x…)": the file, or NULL
 * (the vDSO, "not found"). The line is cut. */
static char *traced_file(char *line)
{
	char *path = strstr(line, "=> ");
	char *end;

	path = path ? path + 3 : line + strspn(line, "\t ");
	end = strstr(path, " (0x");
	if (*path != '/' || !end)
		return NULL;
	*end = '\0';
	return path;
}

/* What the dynamic linker says; environment is the start of a shell command, "env K=V ". */
static void add_traced(struct paths *paths, const char *environment, const char *program)
{
	char line[2 * PATH_MAX];
	FILE *linker;

	snprintf(line, sizeof(line), "%s LD_TRACE_LOADED_OBJECTS=1 '%s' 2>/dev/null", environment,
		program);
	linker = popen(line, "r");
	assert_non_null(linker);
	add_canonical(paths, program);
	while (fgets(line, sizeof(line), linker)) {
		char *path = traced_file(line);

		if (path)
			add_canonical(paths, path);
	}
	pclose(linker);
}

static int has_path(const struct paths *paths, const char *path)
{
	for (size_t i = 0; i < paths->cnt; i++)
		if (strcmp(paths->paths[i], path) == 0)
			return 1;
	return 0;
}

static void assert_same_paths(const struct paths *ours, const struct paths *theirs)
{
	for (size_t i = 0; i < theirs->cnt; i++)
		if (!has_path(ours, theirs->paths[i]))
			fail_msg("missing: %s", theirs->paths[i]);
	for (size_t i = 0; i < ours->cnt; i++)
		if (!has_path(theirs, ours->paths[i]))
			fail_msg("too many: %s", ours->paths[i]);
}

/* Returns how many files the closure has. */
static size_t assert_same_as_traced(const char *program, char *const environment[])
{
	struct paths ours = {0}, theirs = {0};
	char prefix[2 * PATH_MAX] = "env ";
	size_t cnt;

	for (size_t i = 0; environment && environment[i]; i++)
		snprintf(prefix + strlen(prefix), sizeof(prefix) - strlen(prefix), "'%s' ",
			environment[i]);
	add_traced(&theirs, prefix, program);
	assert_int_equal(closure__add(&ours, program, environment), 0);
	assert_same_paths(&ours, &theirs);
	cnt = ours.cnt;
	paths__destroy(&ours);
	paths__destroy(&theirs);
	return cnt;
}

static void programs_of_the_system_as_the_dynamic_linker_says(void **state)
{
	static const char *const programs[] = {"/usr/bin/ls", "/usr/bin/sort", "/usr/bin/perl",
		"/usr/bin/python3", "/usr/bin/sqlite3", "/usr/bin/gcc", "/usr/bin/git",
		"/usr/bin/redis-server", "/usr/bin/bash", "/usr/bin/apt-get", "/usr/bin/jq",
		"/usr/bin/objdump", "/usr/bin/curl", "/usr/bin/gdb", "/usr/bin/make",
		"/usr/bin/clang", "/usr/bin/openssl"};
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (access(programs[i], X_OK) == 0) {
			assert_true(assert_same_as_traced(programs[i], NULL) >= 3);
			compared++;
		}
	assert_true(compared >= 5);
}

static void preloaded_libraries_by_name_and_path(void **state)
{
	char *environment[] = {"LD_PRELOAD=libm.so.6 libstdc++.so.6:libnot-there.so", NULL};

	(void)state;
	assert_true(assert_same_as_traced("/usr/bin/true", environment) >= 5);
}

/* The program needs libouter.so, which needs libinner.so; both in folders of their own. */
static void build_program(const char *tag, const char *program_flags, const char *outer_flags)
{
	run("mkdir -p outer inner override");
	run("echo 'int inner(void) { return 1; }' > inner.c");
	run("echo 'int inner(void); int outer(void) { return inner(); }' > outer.c");
	run("echo 'int outer(void); int main(void) { return outer(); }' > main.c");
	run("cc -shared -fPIC inner.c -o inner/libinner.so -Wl,-soname,libinner.so");
	run("cp inner/libinner.so override/libinner.so");
	run("cc -shared -fPIC outer.c -o outer/libouter.so -Linner -linner %s", outer_flags);
	run("cc main.c -o %s -Louter -louter -Wl,-rpath-link,inner %s", tag, program_flags);
}

#define OLD_TAGS "-Wl,--disable-new-dtags"
#define NEW_TAGS "-Wl,--enable-new-dtags"

static void runpath_with_origin(void **state)
{
	(void)state;
	build_program("runpath", NEW_TAGS " -Wl,-rpath,'$ORIGIN/outer'",
		NEW_TAGS " -Wl,-rpath,'/nonexistent:${ORIGIN}/../inner'");
	assert_int_equal(assert_same_as_traced(in_directory("runpath"), NULL), 5);
}

static void runpath_is_not_inherited(void **state)
{
	(void)state;
	build_program("not-inherited", NEW_TAGS " -Wl,-rpath,'$ORIGIN/outer:$ORIGIN/inner'", "");
	/* libinner.so is not found. */
	assert_int_equal(assert_same_as_traced(in_directory("not-inherited"), NULL), 4);
}

static void rpath_is_inherited(void **state)
{
	(void)state;
	build_program("inherited", OLD_TAGS " -Wl,-rpath,'$ORIGIN/outer:$ORIGIN/inner'", "");
	assert_int_equal(assert_same_as_traced(in_directory("inherited"), NULL), 5);
}

static void library_path_comes_before_runpath_but_after_rpath(void **state)
{
	char variable[2 * PATH_MAX + 64];
	char *environment[] = {variable, NULL};

	(void)state;
	snprintf(variable, sizeof(variable), "LD_LIBRARY_PATH=/nonexistent:%s",
		in_directory("override"));
	build_program("late", NEW_TAGS " -Wl,-rpath,'$ORIGIN/outer'",
		NEW_TAGS " -Wl,-rpath,'$ORIGIN/../inner'");
	assert_int_equal(assert_same_as_traced(in_directory("late"), environment), 5);
	build_program("early", OLD_TAGS " -Wl,-rpath,'$ORIGIN/outer:$ORIGIN/inner'", "");
	assert_int_equal(assert_same_as_traced(in_directory("early"), environment), 5);
}

static void a_library_named_by_path(void **state)
{
	(void)state;
	run("echo 'int inner(void) { return 1; }' > plain.c");
	run("echo 'int inner(void); int main(void) { return inner(); }' > user.c");
	run("cc -shared -fPIC plain.c -o libplain.so && cc user.c -o by-path \"$PWD/libplain.so\"");
	assert_int_equal(assert_same_as_traced(in_directory("by-path"), NULL), 4);
}

static void static_program_is_its_only_file(void **state)
{
	char *environment[] = {"LD_PRELOAD=libm.so.6", NULL};
	struct paths paths = {0};

	(void)state;
	run("echo 'int main(void) { return 0; }' > static.c && cc -static static.c -o static");
	assert_int_equal(closure__add(&paths, in_directory("static"), environment), 0);
	assert_int_equal(paths.cnt, 1);
	assert_true(has_path(&paths, in_directory("static")));
	paths__destroy(&paths);
}

static void musl_program_has_musl_as_its_libc(void **state)
{
	struct paths ours = {0}, theirs = {0};

	(void)state;
	if (access("/usr/bin/musl-gcc", X_OK) != 0)
		skip();
	run("echo 'int main(void) { return 0; }' > musl.c && musl-gcc musl.c -o musl");
	add_canonical(&theirs, in_directory("musl"));
	add_canonical(&theirs, "/lib/ld-musl-x86_64.so.1");
	assert_int_equal(closure__add(&ours, in_directory("musl"), NULL), 0);
	assert_same_paths(&ours, &theirs);
	paths__destroy(&ours);
	paths__destroy(&theirs);
}

/* Asserts that a script's files are those of some programs. */
static void assert_runs_programs(
	const char *text, const char *program, const char *other, char *const environment[])
{
	struct paths ours = {0}, theirs = {0};

	write_file("script", text, 0755);
	assert_int_equal(closure__add(&ours, in_directory("script"), environment), 0);
	add_traced(&theirs, "", program);
	if (other)
		add_traced(&theirs, "", other);
	assert_same_paths(&ours, &theirs);
	paths__destroy(&ours);
	paths__destroy(&theirs);
}

static void scripts_have_their_interpreters_files(void **state)
{
	char *environment[] = {"PATH=/nonexistent:/usr/bin", NULL};

	(void)state;
	assert_runs_programs("#!/usr/bin/perl -w\nprint 1;\n", "/usr/bin/perl", NULL, NULL);
	assert_runs_programs("#! /usr/bin/perl", "/usr/bin/perl", NULL, NULL);
	assert_runs_programs("echo no first line\n", "/bin/sh", NULL, NULL);
	assert_runs_programs("", "/bin/sh", NULL, NULL);
	assert_runs_programs("#!/usr/bin/env perl\n", "/usr/bin/env", "/usr/bin/perl", environment);
	assert_runs_programs(
		"#!/usr/bin/env -S A=b perl -w\n", "/usr/bin/env", "/usr/bin/perl", environment);
	assert_runs_programs("#!/usr/bin/env not-there\n", "/usr/bin/env", NULL, environment);
}

static void a_script_that_is_its_own_interpreter_ends(void **state)
{
	struct paths paths = {0};
	char text[2 * PATH_MAX + 64];

	(void)state;
	snprintf(text, sizeof(text), "#!%s\n", in_directory("loop"));
	write_file("loop", text, 0755);
	assert_int_equal(closure__add(&paths, in_directory("loop"), NULL), 0);
	assert_int_equal(paths.cnt, 0);
}

static void errors_of_opening_are_told(void **state)
{
	struct paths paths = {0};

	(void)state;
	assert_int_equal(closure__add(&paths, in_directory("nothing"), NULL), -ENOENT);
	write_file("bad", "#!/nonexistent/interpreter\n", 0755);
	assert_int_equal(closure__add(&paths, in_directory("bad"), NULL), -ENOENT);
	assert_int_equal(paths.cnt, 0);
}

static void assert_found(const char *command, const char *expected)
{
	char *path = closure__find_command(command);

	assert_non_null(path);
	assert_string_equal(path, expected);
	free(path);
}

static void assert_not_found(const char *command, int expected)
{
	errno = 0;
	assert_null(closure__find_command(command));
	assert_int_equal(errno, expected);
}

static void commands_are_found_as_execvp_does(void **state)
{
	char path[3 * PATH_MAX], *saved = strdup(getenv("PATH"));

	(void)state;
	write_file("plain-file", "text", 0644);
	run("mkdir -p a-directory");
	snprintf(path, sizeof(path), "/nonexistent:%s:/usr/bin", directory);
	setenv("PATH", path, 1);
	assert_found("perl", "/usr/bin/perl");
	assert_found("/usr/bin/perl", "/usr/bin/perl");
	assert_not_found("no-such-command", ENOENT);
	assert_not_found("", ENOENT);
	assert_not_found("/nonexistent/command", ENOENT);
	assert_not_found("plain-file", EACCES);
	assert_not_found("a-directory", EACCES);
	assert_not_found("/usr/bin", EACCES);
	setenv("PATH", saved, 1);
	free(saved);
}

static void installed_allocators_have_this_process_libc(void **state)
{
	char command[PATH_MAX], libc[PATH_MAX];
	struct paths paths = {0};
	FILE *maps;

	(void)state;
	snprintf(command, sizeof(command), "grep -om1 '/.*libc\\.so\\.6$' /proc/%d/maps", getpid());
	maps = popen(command, "r");
	assert_int_equal(fscanf(maps, "%4095s", libc), 1);
	pclose(maps);
	assert_int_equal(closure__add_installed_allocators(&paths), 0);
	assert_true(has_path(&paths, libc));
	if (access("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", R_OK) == 0)
		assert_true(has_path(&paths, "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"));
	for (size_t i = 0; i < paths.cnt; i++)
		assert_null(strstr(paths.paths[i], "libz.so"));
	paths__destroy(&paths);
}

static void assert_expansion(const char *text, const char *expected)
{
	char buf[64];

	assert_true(expand__tokens(text, strlen(text), "/the/origin", "lib64", buf, sizeof(buf)));
	assert_string_equal(buf, expected);
}

static void tokens_are_expanded_and_nothing_else(void **state)
{
	char buf[8];

	(void)state;
	assert_expansion("$ORIGIN/../$LIB", "/the/origin/../lib64");
	assert_expansion("${ORIGIN}${LIB}", "/the/originlib64");
	assert_expansion("$PLATFORM", "x86_64");
	assert_expansion("$OTHER/${ORIGIN/$", "$OTHER/${ORIGIN/$");
	assert_expansion("", "");
	assert_false(expand__tokens("$ORIGIN", 7, "/the/origin", "lib64", buf, sizeof(buf)));
	assert_false(expand__tokens("12345678", 8, "", "lib64", buf, sizeof(buf)));
	assert_true(expand__tokens("1234567", 7, "", "lib64", buf, sizeof(buf)));
}

static int make_directory(void **state)
{
	char name[] = "/tmp/test_closure.XXXXXX";

	(void)state;
	if (!mkdtemp(name) || !realpath(name, directory))
		return -1;
	return 0;
}

static int remove_directory(void **state)
{
	char command[2 * PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_of_the_system_as_the_dynamic_linker_says),
		cmocka_unit_test(preloaded_libraries_by_name_and_path),
		cmocka_unit_test(runpath_with_origin),
		cmocka_unit_test(runpath_is_not_inherited),
		cmocka_unit_test(rpath_is_inherited),
		cmocka_unit_test(library_path_comes_before_runpath_but_after_rpath),
		cmocka_unit_test(a_library_named_by_path),
		cmocka_unit_test(static_program_is_its_only_file),
		cmocka_unit_test(musl_program_has_musl_as_its_libc),
		cmocka_unit_test(scripts_have_their_interpreters_files),
		cmocka_unit_test(a_script_that_is_its_own_interpreter_ends),
		cmocka_unit_test(errors_of_opening_are_told),
		cmocka_unit_test(commands_are_found_as_execvp_does),
		cmocka_unit_test(installed_allocators_have_this_process_libc),
		cmocka_unit_test(tokens_are_expanded_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
