// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers are never given away again, so there are few among very many. */
#include <errno.h>
#include <stdlib.h>
#include "symbol/files.h"
#include "symbol/hash.h"

struct files {
	struct hash numbers;
};

struct numbered {
	struct hash_node node;
	struct file_number file;
};

struct files *files__new(void)
{
	return calloc(1, sizeof(struct files));
}

static void numbered__free(struct hash_node *node)
{
	free(node);
}

void files__free(struct files *files)
{
	if (!files)
		return;
	hash__free(&files->numbers, numbered__free);
	free(files);
}

static struct numbered *find(const struct files *files, uint32_t number)
{
	struct hash_node *node = hash__chain(&files->numbers, hash__mix(number, 0));

	while (node && ((struct numbered *)node)->file.number != number)
		node = node->next;
	return (struct numbered *)node;
}

int files__set(struct files *files, uint32_t number, struct module *module)
{
	struct numbered *numbered = find(files, number);

	if (!number)
		return -EINVAL;
	if (!numbered) {
		numbered = calloc(1, sizeof(*numbered));
		if (!numbered ||
			hash__add(&files->numbers, &numbered->node, hash__mix(number, 0))) {
			free(numbered);
			return -ENOMEM;
		}
	}
	numbered->file = (struct file_number){.number = number, .module = module};
	return 0;
}

struct module *files__get(const struct files *files, uint32_t number)
{
	struct numbered *numbered = find(files, number);

	return numbered ? numbered->file.module : NULL;
}

void files__see(struct files *files, uint32_t number)
{
	struct numbered *numbered = find(files, number);

	if (numbered)
		numbered->file.is_seen = numbered->file.module->is_seen = true;
}

void files__note_unlisted(struct files *files, uint32_t number)
{
	struct numbered *numbered = find(files, number);

	if (numbered)
		numbered->file.is_unlisted = true;
}

struct files_filter {
	bool (*goes)(struct file_number *number, void *arg);
	void *arg;
};

static bool numbered_goes(struct hash_node *node, void *arg)
{
	struct numbered *numbered = (struct numbered *)node;
	struct files_filter *filter = arg;
	bool goes = filter->goes(&numbered->file, filter->arg);

	numbered->file.is_seen = false;
	if (goes)
		free(numbered);
	return goes;
}

void files__filter(
	struct files *files, bool (*goes)(struct file_number *number, void *arg), void *arg)
{
	hash__filter(&files->numbers, numbered_goes, &(struct files_filter){goes, arg});
}
