// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Nothing is concluded from version numbers where it can be tried. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/machine.h"
#include "probe/tracer.h"
#include "util/log.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define INITIAL_PID_NAMESPACE 0xeffffffcu /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

/* ---- capabilities ---- */

/* include/uapi/linux/capability.h. CAP_SYS_ADMIN stands in for the first two (capabilities(7)). */
static const struct {
	int number;
	const char *name;
	const char *what_for;
	bool admin_will_do, needed;
} capabilities[] = {
	{39, "CAP_BPF", "loading the kernel side", true, true},
	{38, "CAP_PERFMON", "probing processes", true, true},
	{19, "CAP_SYS_PTRACE", "reading other users' mappings and files", false, false},
	{21, "CAP_SYS_ADMIN", "uprobes on kernels before 6.6; deleted files", false, false},
	{2, "CAP_DAC_READ_SEARCH", "reading files of other users", false, false},
};
#define CAPABILITY_CNT (sizeof(capabilities) / sizeof(*capabilities))
#define CAP_SYS_ADMIN_NUMBER 21

static uint64_t effective_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t set = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file) && sscanf(line, "CapEff: %" SCNx64, &set) != 1)
		;
	fclose(file);
	return set;
}

static bool has_capability(uint64_t set, size_t i)
{
	if (capabilities[i].admin_will_do && set >> CAP_SYS_ADMIN_NUMBER & 1)
		return true;
	return set >> capabilities[i].number & 1;
}

const char *machine__missing_capability(void)
{
	uint64_t set = effective_capabilities();

	for (size_t i = 0; i < CAPABILITY_CNT; i++) {
		if (capabilities[i].needed && !has_capability(set, i))
			return capabilities[i].name;
	}
	return NULL;
}

/* ---- why it did not start ---- */

static int explain_permission(void)
{
	const char *missing = machine__missing_capability();

	if (missing)
		log_error("%s is missing: run it as root (sudo heaptap …), or give it to the program: "
			  "setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,"
			  "cap_sys_admin+ep $(command -v heaptap)",
			missing);
	else
		log_error("the kernel refuses BPF to this process, although it has the capabilities: "
			  "a container's seccomp filter, or lockdown (see "
			  "/sys/kernel/security/lockdown)");
	return EXIT_PRIVILEGE;
}

int machine__explain(int err, enum link_kind asked)
{
	struct utsname system;

	uname(&system);
	if (err == -EPERM || machine__missing_capability())
		return explain_permission();
	if (access(BTF_PATH, R_OK)) {
		log_error("this kernel (%s) has no type information (%s): heaptap needs one built "
			  "with CONFIG_DEBUG_INFO_BTF=y, as distributions build them since 2020",
			system.release, BTF_PATH);
		return EXIT_KERNEL;
	}
	if (err == -ENOMEM) {
		log_error("the kernel has no memory for the event buffer; try a smaller --ring-size");
		return EXIT_KERNEL;
	}
	if (asked != LINK_AUTO)
		log_error("this kernel (%s) cannot do --link %s: %s; heaptap doctor shows what it can",
			system.release, link_kind__name(asked), strerror(-err));
	else
		log_error("this kernel (%s) cannot be traced with: %s; heaptap needs 5.17 or newer "
			  "(-v shows what the kernel said)",
			system.release, strerror(-err));
	return EXIT_KERNEL;
}

/* ---- doctor ---- */

struct report {
	FILE *out;
	bool unusable;
};

static void line(struct report *report, bool good, bool needed, const char *what,
	const char *finding, const char *remedy)
{
	fprintf(report->out, "%-8s %-22s %s\n", good ? "ok" : needed ? "MISSING" : "no", what,
		finding);
	if (!good && remedy)
		fprintf(report->out, "%-8s %-22s → %s\n", "", "", remedy);
	if (!good && needed)
		report->unusable = true;
}

static void report_kernel(struct report *report)
{
	struct utsname system;
	char text[256];

	uname(&system);
	snprintf(text, sizeof(text), "%s %s %s", system.sysname, system.release, system.machine);
	line(report, !strcmp(system.machine, "x86_64"), true, "kernel", text,
		"heaptap traces 64-bit x86 programs");
	line(report, !access(BTF_PATH, R_OK), true, "BTF", BTF_PATH,
		"use a kernel built with CONFIG_DEBUG_INFO_BTF=y");
}

static void report_capabilities(struct report *report)
{
	uint64_t set = effective_capabilities();

	for (size_t i = 0; i < CAPABILITY_CNT; i++)
		line(report, has_capability(set, i), capabilities[i].needed, capabilities[i].name,
			capabilities[i].what_for, "run heaptap as root, or give it with setcap");
}

static void report_links(struct report *report)
{
	static const char *const needs[] = {
		[LINK_SESSION] = "entry and return by one program (kernel 6.13)",
		[LINK_MULTI] = "many sites by one link (kernel 6.6)",
		[LINK_PERF] = "a perf event per site (kernel 5.15)",
	};
	enum link_kind best = LINK_AUTO;
	const char *hook = NULL;

	for (int kind = LINK_SESSION; kind < LINK_KIND_CNT; kind++) {
		struct tracer_config config = {.link = kind, .ring_sz = 1 << 20};
		struct tracer *tracer = NULL;
		int err = tracer__new(&config, &tracer, NULL);
		char what[32], finding[160];

		snprintf(what, sizeof(what), "link %s", link_kind__name(kind));
		snprintf(finding, sizeof(finding), "%s%s%s", needs[kind], err ? ": " : "",
			err ? strerror(-err) : "");
		line(report, !err, false, what, finding, NULL);
		if (!err && best == LINK_AUTO) {
			best = kind;
			hook = tracer__mapping_hook(tracer);
		}
		tracer__free(tracer);
	}
	line(report, best != LINK_AUTO, true, "best link", link_kind__name(best),
		"use a newer kernel; heaptap doctor -v and the kernel log say more");
	line(report, hook, false, "mappings followed by", hook ? hook : "nothing",
		"libraries that replace others at their addresses may be unwound wrongly");
}

static void report_limits(struct report *report)
{
	struct rlimit files;
	struct stat ns;
	char text[128];
	bool initial = !stat("/proc/self/ns/pid", &ns) && ns.st_ino == INITIAL_PID_NAMESPACE;

	getrlimit(RLIMIT_NOFILE, &files);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)files.rlim_cur);
	line(report, files.rlim_cur >= 1024, false, "open files", text,
		"raise it with ulimit -n: each executed file is held open for its names");
	line(report, initial, false, "pid namespace",
		initial ? "initial" : "not the initial one",
		"process numbers are those of the initial pid namespace: run heaptap there");
}

int machine__report(FILE *out)
{
	struct report report = {.out = out};

	report_kernel(&report);
	report_capabilities(&report);
	report_links(&report);
	report_limits(&report);
	fprintf(out, "\n%s\n", report.unusable ? "heaptap cannot trace here." :
						 "heaptap can trace here.");
	if (!report.unusable)
		return EXIT_OK;
	return machine__missing_capability() ? EXIT_PRIVILEGE : EXIT_KERNEL;
}
