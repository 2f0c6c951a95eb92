// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* report: what was recorded goes the way that what is traced goes. Needs no privileges. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/recorded_arg.h"
#include "report/diff.h"
#include "util/log.h"
#include "util/text.h"

static void list_checkpoint(const char *name)
{
	char *printable = text__printable(name);

	if (printable)
		printf("  checkpoint \"%s\"", printable);
	printf("\n");
	free(printable);
}

static void list_one(const struct summary *summary, size_t number)
{
	uint64_t blocks = summary__outstanding_blocks(summary);
	char date[64] = "?", bytes[32], count[32];
	struct tm tm;

	if (gmtime_r(&summary->time.tv_sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("%6zu  %s  %5zu process%s %12s in %s block%s%s", number, date, summary->process_cnt,
		summary->process_cnt == 1 ? "  " : "es",
		text__bytes(bytes, sizeof(bytes), summary__outstanding_bytes(summary)),
		text__count(count, sizeof(count), blocks), blocks == 1 ? "" : "s",
		summary__is_complete(summary) ? "" : "  INCOMPLETE");
	list_checkpoint(summary->checkpoint);
}

/* A snapshot that cannot be read does not keep the others away. */
static int list(const struct recorded_arg *arg)
{
	int exit_code = 0;

	for (size_t i = arg->begin; i < arg->end; i++) {
		struct recorded *recorded;
		int ret = recorded_arg__read(arg, i, &recorded);

		exit_code = exit_code ? exit_code : ret;
		if (ret)
			continue;
		list_one(recorded__summary(recorded), i + 1);
		recorded__free(recorded);
	}
	return exit_code;
}

static int write_one(const struct recorded_arg *arg, size_t i, struct outputs *outputs)
{
	struct recorded *recorded;
	int exit_code = recorded_arg__read(arg, i, &recorded);

	if (exit_code)
		return exit_code;
	exit_code = outputs__write(outputs, recorded__summary(recorded));
	recorded__free(recorded);
	return exit_code;
}

static int write_all(const struct recorded_arg *arg, struct outputs *outputs)
{
	bool last_only = outputs__hold_one(outputs);
	int exit_code = 0;

	for (size_t i = last_only ? arg->end - 1 : arg->begin; i < arg->end; i++) {
		int ret = write_one(arg, i, outputs);

		exit_code = ret ? ret : exit_code;
		if (ret == EXIT_OUTPUT)
			break;
	}
	return exit_code;
}

static int render(const struct options *options, struct recorded_arg *arg)
{
	struct outputs *outputs;
	int exit_code = outputs__open(&outputs, options, stdout), ret;

	if (!exit_code)
		exit_code = write_all(arg, outputs);
	ret = outputs__close(outputs);
	return exit_code ? exit_code : ret;
}

int cmd_report(const struct options *options)
{
	struct recorded_arg arg = {0};
	int exit_code;

	if (options->arg_cnt != 1) {
		log_error("report needs one recording; try: heaptap report --help");
		return EXIT_USAGE;
	}
	exit_code = recorded_arg__open(&arg, options->args[0]);
	if (!exit_code)
		exit_code = options->list ? list(&arg) : render(options, &arg);
	recorded_arg__close(&arg);
	return exit_code;
}
