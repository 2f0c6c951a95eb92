// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Dispatch only, and what holds for every command. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/allocators.h"
#include "cli/command.h"
#include "util/log.h"

static int run(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	const struct command *command = command__find(name);
	struct options options;
	int err, exit_code;

	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		command__print_overview(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_OK : EXIT_USAGE;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		version__print(stdout);
		return EXIT_OK;
	}
	if (!command) {
		log_error("'%s' is no command; try: heaptap --help", name);
		return EXIT_USAGE;
	}
	err = options__parse(&options, command->bit, argc - 1, argv + 1);
	if (err)
		return err < 0 ? EXIT_USAGE : EXIT_OK;
	log_verbosity = options.verbosity;
	err = allocators__load(&options);
	exit_code = err ? err : command->run(&options);
	options__destroy(&options);
	return exit_code;
}

/* A file that is opened gets the lowest number that is free: messages would go into a recording
 * that has standard error's. What is written here fails, as it does to a closed one; a command that
 * is run does not inherit it. */
static void fill_closed_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Summaries have told of their own failures; what commands print of themselves goes by here. */
int main(int argc, char **argv)
{
	int exit_code;

	fill_closed_standard_files();
	exit_code = run(argc, argv);
	if (exit_code || (!fflush(stdout) && !ferror(stdout)))
		return exit_code;
	log_error("cannot write output: %s", strerror(errno));
	return EXIT_OUTPUT;
}
