// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers are given away in order from 1, so an array is a map. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "symbol/files.h"

#define FILES_MAX (1 << 24) /* 128 MiB of pointers: far more files than a machine executes */

struct files {
	struct module **modules;
	uint32_t cap;
};

struct files *files__new(void)
{
	return calloc(1, sizeof(struct files));
}

void files__free(struct files *files)
{
	if (!files)
		return;
	free(files->modules);
	free(files);
}

static int grow(struct files *files, uint32_t number)
{
	uint32_t cap = files->cap ? files->cap : 64;
	struct module **modules;

	while (cap <= number)
		cap *= 2;
	modules = reallocarray(files->modules, cap, sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	memset(modules + files->cap, 0, (cap - files->cap) * sizeof(*modules));
	files->modules = modules;
	files->cap = cap;
	return 0;
}

int files__set(struct files *files, uint32_t number, struct module *module)
{
	int err = 0;

	if (!number || number >= FILES_MAX)
		return -ERANGE;
	if (number >= files->cap)
		err = grow(files, number);
	if (!err)
		files->modules[number] = module;
	return err;
}

struct module *files__get(const struct files *files, uint32_t number)
{
	return number < files->cap ? files->modules[number] : NULL;
}
