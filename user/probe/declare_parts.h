/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Declarations while they are read: declare.c (files, allocators) and declare_function.c only. */
#ifndef HEAPTAP_PROBE_DECLARE_PARTS_H
#define HEAPTAP_PROBE_DECLARE_PARTS_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#include "probe/declare.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct declarations {
	config_t config;
	const char *file;
	struct allocator_group *groups; /* they stay where they are: rows point to them */
	size_t group_cnt;
	struct allocator_function *rows;
	size_t row_cnt;
	char **texts; /* made here, for rows */
	size_t text_cnt;
	char *problem; /* the first */
};

/* Notes what is wrong, if it is the first such thing: -EINVAL. */
__attribute__((format(printf, 3, 4))) int declare__complain_at(
	struct declarations *declarations, unsigned line, const char *format, ...);
#define declare__complain(declarations, setting, ...)                                              \
	declare__complain_at(declarations, config_setting_source_line(setting), __VA_ARGS__)

/* Keeps a string from malloc as long as the declarations live, or frees it: NULL without memory, or
 * if it is NULL. */
const char *declare__keep_text(struct declarations *declarations, char *text);

/* Is there such a setting, a string of at least one byte? */
bool declare__is_text(const config_setting_t *setting);

/* Rows of a table by their names, each row's first member. */
struct named_rows {
	const char *what; /* they are, in a complaint */
	const void *rows;
	size_t row_sz, cnt;
};
#define NAMED_ROWS(what, rows) (struct named_rows){what, rows, sizeof(*(rows)), ARRAY_SIZE(rows)}

/* The number of the row of that name: -EINVAL if there is none, with a complaint of the setting and
 * a name that is near. */
int declare__find_row(struct declarations *declarations, const config_setting_t *setting,
	const char *name, struct named_rows table);

/* Reads a function of an allocator: adds a row. 0, -ENOMEM or -EINVAL with a complaint. */
int declare__read_function(struct declarations *declarations, const config_setting_t *group,
	const struct allocator_group *allocator);

#endif
