// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A process may end between two of these reads, and its names are its own choice: every line is
 * parsed as hostile text. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/array.h"
#include "util/proc.h"

#define PROC_PATH_MAX 64

static FILE *proc_open(pid_t pid, const char *name)
{
	char path[PROC_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

long proc__status(pid_t pid, const char *key)
{
	FILE *file = proc_open(pid, "status");
	size_t key_len = strlen(key);
	char line[256];
	long value = -1;

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, key_len))
			value = strtol(line + key_len, NULL, 10);
	}
	fclose(file);
	return value;
}

/* "PID (COMM) S …": the command's name can hold anything, also ")". */
char proc__state(pid_t pid)
{
	FILE *file = proc_open(pid, "stat");
	char line[256], *end;
	size_t sz;

	if (!file)
		return 0;
	sz = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[sz] = '\0';
	end = strrchr(line, ')');
	return end && end[1] ? end[2] : 0;
}

uint64_t proc__pc(pid_t pid, pid_t tid)
{
	unsigned long long pc = 0;
	char line[256] = "", path[64], *last;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && (last = strrchr(line, ' ')))
		sscanf(last, "%llx", &pc);
	fclose(file);
	return pc;
}

bool proc__exists(pid_t pid)
{
	return proc__status(pid, "Tgid:") == pid;
}

char *proc__exe(pid_t pid)
{
	char path[PROC_PATH_MAX], target[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return NULL;
	return strndup(target, len);
}

bool proc__comm(pid_t pid, char *buf, size_t buf_sz)
{
	FILE *file = proc_open(pid, "comm");
	bool ok;

	if (!file)
		return false;
	ok = fgets(buf, buf_sz, file);
	fclose(file);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* Field 22 of /proc/PID/stat; the second may contain spaces and brackets, so count from its end. */
uint64_t proc__start_ns(pid_t pid)
{
	FILE *file = proc_open(pid, "stat");
	uint64_t ticks = 0;
	char line[1024], *rest;

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && (rest = strrchr(line, ')')))
		sscanf(rest + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&ticks);
	fclose(file);
	return ticks * (1000000000ull / sysconf(_SC_CLK_TCK));
}

bool proc__is_same(pid_t pid, uint64_t start_ns)
{
	uint64_t tick_ns = 1000000000ull / sysconf(_SC_CLK_TCK), found = proc__start_ns(pid);

	if (!found || !start_ns)
		return found;
	return found + tick_ns >= start_ns && found <= start_ns + tick_ns;
}

static int push_pid(pid_t **pids, size_t *cnt, size_t *cap, pid_t pid)
{
	pid_t *grown = array__with_room(*pids, *cnt, 1, cap, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*pids = grown;
	(*pids)[(*cnt)++] = pid;
	return 0;
}

int proc__pids(pid_t **ret_pids, size_t *ret_cnt)
{
	DIR *dir = opendir("/proc");
	size_t cnt = 0, cap = 0;
	struct dirent *entry;
	pid_t *pids = NULL;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			err = push_pid(&pids, &cnt, &cap, atoi(entry->d_name));
	}
	closedir(dir);
	if (err) {
		free(pids);
		return err;
	}
	*ret_pids = pids;
	*ret_cnt = cnt;
	return 0;
}

/* "start-end perms offset major:minor inode   path" */
static bool parse_mapping(char *line, struct proc_mapping *ret_mapping)
{
	unsigned int major, minor;
	int path_at = 0;
	char perms[5];

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n",
		    &ret_mapping->start, &ret_mapping->end, perms, &major, &minor,
		    &ret_mapping->inode, &path_at) != 6)
		return false;
	ret_mapping->dev = major << 20 | minor;
	ret_mapping->executable = perms[2] == 'x';
	ret_mapping->path = path_at ? line + path_at : "";
	return true;
}

int proc__each_mapping(
	pid_t pid, int (*visit)(const struct proc_mapping *mapping, void *arg), void *arg)
{
	FILE *file = proc_open(pid, "maps");
	struct proc_mapping mapping;
	size_t line_cap = 0;
	char *line = NULL;
	int ret = 0;

	if (!file)
		return -errno;
	while (!ret && (errno = 0, getline(&line, &line_cap, file) > 0)) {
		if (parse_mapping(line, &mapping))
			ret = visit(&mapping, arg);
	}
	if (!ret && ferror(file))
		ret = errno ? -errno : -EIO;
	free(line);
	fclose(file);
	return ret;
}

struct executables {
	int (*visit)(const struct proc_mapping *mapping, void *arg);
	void *arg;
};

static int visit_executable(const struct proc_mapping *mapping, void *arg)
{
	const struct executables *executables = arg;

	if (!mapping->executable || !mapping->inode || *mapping->path != '/')
		return 0;
	return executables->visit(mapping, executables->arg);
}

int proc__each_executable(
	pid_t pid, int (*visit)(const struct proc_mapping *mapping, void *arg), void *arg)
{
	struct executables executables = {visit, arg};

	return proc__each_mapping(pid, visit_executable, &executables);
}

struct named_mapping {
	const char *name;
	uint64_t start, end;
};

static int is_named(const struct proc_mapping *mapping, void *arg)
{
	struct named_mapping *named = arg;

	if (strcmp(mapping->path, named->name) != 0)
		return 0;
	named->start = mapping->start;
	named->end = mapping->end;
	return 1;
}

int proc__find_mapping(pid_t pid, const char *name, uint64_t *ret_start, uint64_t *ret_end)
{
	struct named_mapping named = {.name = name};

	if (proc__each_mapping(pid, is_named, &named) <= 0)
		return -ENOENT;
	*ret_start = named.start;
	*ret_end = named.end;
	return 0;
}

static int is_of_inode(const struct proc_mapping *mapping, void *arg)
{
	const uint64_t *inode = arg;

	return mapping->inode == *inode;
}

bool proc__executes(pid_t pid, uint64_t inode)
{
	return proc__each_executable(pid, is_of_inode, &inode) > 0;
}

struct own_mapping {
	uint64_t address, inode;
	uint32_t dev;
};

static int is_at(const struct proc_mapping *mapping, void *arg)
{
	struct own_mapping *own = arg;

	if (own->address < mapping->start || own->address >= mapping->end)
		return 0;
	own->dev = mapping->dev;
	own->inode = mapping->inode;
	return 1;
}

bool proc__mapping_at(uint64_t address, uint32_t *ret_dev, uint64_t *ret_inode)
{
	struct own_mapping own = {.address = address};

	if (proc__each_executable(getpid(), is_at, &own) <= 0)
		return false;
	*ret_dev = own.dev;
	*ret_inode = own.inode;
	return true;
}
