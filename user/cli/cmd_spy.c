// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* spy: attach or run, by what it is given, with the spy's probes and output in place of the books'.
 */
#include "cli/command.h"
#include "util/log.h"

static int refuse(const char *why)
{
	log_error("%s; try: heaptap spy --help", why);
	return EXIT_USAGE;
}

int cmd_spy(const struct options *options)
{
	const struct renderer *format = options__only_format(options);
	struct options full = *options;

	full.is_spy = true;
	full.error_exitcode = -1;
	if (!options->arg_cnt)
		return refuse("spy needs process numbers, or -- and a command");
	if (format != &text_renderer && format != &json_renderer)
		return refuse("a spy tells as text or json");
	if (options->output.cnt > 1)
		return refuse("a spy writes one file");
	if (options->spy.pre && (options->spy.slower_ns || options->spy.summary))
		return refuse(
			"before a call it is not known how long it will take: --pre goes neither "
			"with --slower-than nor with --summary");
	return options->is_command ? cmd_run(&full) : cmd_attach(&full);
}
