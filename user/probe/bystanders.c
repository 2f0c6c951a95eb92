// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Translators are known by their programs' paths. One that starts later cannot be saved. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include "probe/bystanders.h"
#include "util/proc.h"

static const char *const translators[] = {
	"*/valgrind/*-amd64-linux",
	"*/valgrind/*-arm64-linux",
	"*/qemu-x86_64*",
	"*/qemu-aarch64*",
	"*/drrun",
	"*/pinbin",
};

static bool is_translator(const char *exe)
{
	for (size_t i = 0; i < sizeof(translators) / sizeof(*translators); i++) {
		if (!fnmatch(translators[i], exe, 0))
			return true;
	}
	return false;
}

static bool kernel_kills_filtered(void)
{
	static const int mended_at[] = {[12] = 14, [13] = 3}; /* of 6.12, 6.13 */
	int major, minor, patch = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%d.%d.%d", &major, &minor, &patch) < 2)
		return false;
	if (major != 6 || minor < 11 || minor > 13)
		return false;
	return minor == 11 || patch < mended_at[minor];
}

const char *would_be_killed(pid_t pid, const char *exe)
{
	if (is_translator(exe))
		return "translates the code that it runs";
	if (kernel_kills_filtered() && proc__status(pid, "Seccomp:") == 2)
		return "has a seccomp filter, for which this kernel would end it";
	return NULL;
}

pid_t bystanders__find(uint64_t inode, char **ret_exe)
{
	size_t pid_cnt = 0;
	pid_t *pids = NULL, found = 0;

	if (proc__pids(&pids, &pid_cnt))
		return 0;
	for (size_t i = 0; i < pid_cnt && !found; i++) {
		char *exe = proc__exe(pids[i]);

		if (exe && would_be_killed(pids[i], exe) &&
			proc__executes(pids[i], inode)) {
			found = pids[i];
			*ret_exe = exe;
		} else {
			free(exe);
		}
	}
	free(pids);
	return found;
}
