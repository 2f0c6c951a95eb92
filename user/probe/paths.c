/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A growing list of distinct strings. A program has tens of files: a linear search is enough. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/closure.h"

int paths__add(struct paths *paths, const char *path)
{
	char **grown;

	for (size_t i = 0; i < paths->cnt; i++)
		if (strcmp(paths->paths[i], path) == 0)
			return 0;
	grown = reallocarray(paths->paths, paths->cnt + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	paths->paths = grown;
	grown[paths->cnt] = strdup(path);
	if (!grown[paths->cnt])
		return -ENOMEM;
	paths->cnt++;
	return 0;
}

void paths__destroy(struct paths *paths)
{
	if (!paths)
		return;
	for (size_t i = 0; i < paths->cnt; i++)
		free(paths->paths[i]);
	free(paths->paths);
	*paths = (struct paths){0};
}
