// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Dispatch only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

/* Summaries have told of their own failures; what commands print of themselves goes by here. */
int main(int argc, char **argv)
{
	int exit_code = run(argc, argv);

	if (exit_code || (!fflush(stdout) && !ferror(stdout)))
		return exit_code;
	log_error("cannot write output: %s", strerror(errno));
	return EXIT_OUTPUT;
}
