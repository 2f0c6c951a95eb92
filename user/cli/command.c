// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of commands, and the help that comes from it. */
#include <string.h>
#include "cli/command.h"

static const struct command commands[] = {
	{"run", CMD_RUN, "heaptap run [OPTIONS] -- COMMAND [ARG...]",
		"trace a command from its first allocation to its exit, its children too", cmd_run},
	{"attach", CMD_ATTACH, "heaptap attach [OPTIONS] PID...",
		"trace running processes, until they end or Ctrl-C", cmd_attach},
	{"watch", CMD_WATCH, "heaptap watch [OPTIONS] [FILE...]",
		"trace every process that uses these libraries or programs; no FILE: any allocator",
		cmd_watch},
	{"record", CMD_RECORD, "heaptap record [OPTIONS] [PID...|FILE...|-- COMMAND [ARG...]]",
		"trace as attach, watch or run do, and keep a snapshot every minute in a file",
		cmd_record},
	{"report", CMD_REPORT, "heaptap report [OPTIONS] FILE[:N|:NAME]",
		"show what was recorded, without root and on any machine; N or the NAME of a "
		"checkpoint picks a snapshot",
		cmd_report},
	{"diff", CMD_DIFF, "heaptap diff [OPTIONS] OLD[:N|:NAME] NEW[:N|:NAME]",
		"subtract two recorded snapshots, the last of each file if none is picked",
		cmd_diff},
	{"spy", CMD_SPY, "heaptap spy [OPTIONS] PID...|-- COMMAND [ARG...]",
		"tell every call of an allocator as it happens: arguments, result, time inside",
		cmd_spy},
	{"checkpoint", CMD_CHECKPOINT, "heaptap checkpoint [OPTIONS] [NAME]",
		"have a heaptap that is tracing write a summary of this name, and count from there",
		cmd_checkpoint},
	{"stop-at", CMD_STOP_AT, "heaptap stop-at [OPTIONS] N [PID]",
		"have a heaptap that is tracing (with --stop-at) stop its processes, or PID, in "
		"their allocation number N",
		cmd_stop_at},
	{"probes", CMD_PROBES, "heaptap probes [OPTIONS] [PID|FILE]...",
		"show what would be probed, and at what cost", cmd_probes},
	{"doctor", CMD_DOCTOR, "heaptap doctor [OPTIONS]",
		"show what this kernel and machine give, and what to do about what is missing",
		cmd_doctor},
};
#define COMMAND_CNT (sizeof(commands) / sizeof(*commands))

static const struct {
	const char *code, *meaning;
} exit_codes[] = {
	{"0", "all went well"},
	{"1", "something failed while tracing"},
	{"2", "an option or argument makes no sense"},
	{"3", "a capability is missing"},
	{"4", "this kernel cannot do it"},
	{"5", "no such process or file, or one that cannot be traced"},
	{"6", "a summary could not be written"},
	{"7", "diff: outstanding memory grew by more than --fail-above"},
	{"126", "run: the command cannot be executed"},
	{"127", "run: there is no such command"},
	{"128+N", "run: the command was killed by signal N"},
};

const struct command *command__find(const char *name)
{
	for (size_t i = 0; i < COMMAND_CNT; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

void command__print_help(FILE *out, unsigned int bit)
{
	for (size_t i = 0; i < COMMAND_CNT; i++) {
		if (commands[i].bit == bit)
			fprintf(out, "usage: %s\n\n%s\n\n", commands[i].usage, commands[i].help);
	}
	options__print_help(out, bit);
}

void command__print_overview(FILE *out)
{
	fprintf(out,
		"heaptap: which call stacks of a process hold memory, and is it ever freed?\n\n");
	for (size_t i = 0; i < COMMAND_CNT; i++)
		fprintf(out, "  %s\n      %s\n", commands[i].usage, commands[i].help);
	fprintf(out,
		"  heaptap --version\n\noptions (heaptap COMMAND --help shows a command's own):\n");
	options__print_help(out, CMD_ALL);
	fprintf(out,
		"\nSIGUSR1 asks for a summary now, SIGUSR2 for a checkpoint; Ctrl-C for the last "
		"summary.\n\nexit codes:\n");
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(*exit_codes); i++)
		fprintf(out, "  %-6s  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}
