/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules that a person gives: a stack of which a frame's function, source file or module matches a
 * pattern (pattern.h) is ignored (a suppression), or a client's. The first rule that matches
 * counts.
 */
#ifndef HEAPTAP_REPORT_KIND_RULES_H
#define HEAPTAP_REPORT_KIND_RULES_H

#include <stddef.h>
#include "report/block_kind.h"

struct kind_rule {
	enum block_kind kind;
	char *tag; /* of a client; NULL: none */
	char *pattern;
};

struct kind_rules {
	struct kind_rule *rules;
	size_t cnt;
};

/* Copies tag (which may be NULL) and pattern. 0 or -ENOMEM. */
int kind_rules__add(
	struct kind_rules *rules, enum block_kind kind, const char *tag, const char *pattern);
/* "NAME=PATTERN". 0, -EINVAL, -ENOMEM. */
int kind_rules__add_client(struct kind_rules *rules, const char *text);
/*
 * LeakSanitizer's format: "leak:PATTERN" a line; lines that begin with "#", and empty ones, say
 * nothing. What stands after a NUL is not read. 0; -EBADMSG with the line, from 1, that is none;
 * -ENOMEM.
 */
int kind_rules__add_suppressions(struct kind_rules *rules, const char *text, size_t *ret_line);
/* The same of a file: 0 or -errno. *ret_line is 0 if the file could not be read. */
int kind_rules__read_suppressions(struct kind_rules *rules, const char *path, size_t *ret_line);
void kind_rules__destroy(struct kind_rules *rules);

#endif
