/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Suppressions are read as LeakSanitizer reads them: SuppressionContext::Parse in LLVM's
 * compiler-rt/lib/sanitizer_common/sanitizer_suppressions.cpp. */
#include "report/kind_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define SUPPRESSION "leak:"

/* Takes tag and pattern, whatever comes of it. */
static int add(struct kind_rules *rules, enum block_kind kind, char *tag, char *pattern)
{
	struct kind_rule *grown = NULL;

	if (pattern)
		grown = reallocarray(rules->rules, rules->cnt + 1, sizeof(*grown));
	if (!grown) {
		free(tag);
		free(pattern);
		return -ENOMEM;
	}
	rules->rules = grown;
	rules->rules[rules->cnt++] = (struct kind_rule){kind, tag, pattern};
	return 0;
}

int kind_rules__add(
	struct kind_rules *rules, enum block_kind kind, const char *tag, const char *pattern)
{
	char *copy = tag ? strdup(tag) : NULL;

	if (tag && !copy)
		return -ENOMEM;
	return add(rules, kind, copy, strdup(pattern));
}

int kind_rules__add_client(struct kind_rules *rules, const char *text)
{
	const char *sign = strchr(text, '=');
	char *tag;

	if (!sign || sign == text || !sign[1])
		return -EINVAL;
	tag = strndup(text, sign - text);
	return tag ? add(rules, BLOCK_CLIENT, tag, strdup(sign + 1)) : -ENOMEM;
}

static int add_suppression(struct kind_rules *rules, const char *line, size_t sz)
{
	size_t prefix_sz = strlen(SUPPRESSION);

	while (sz && strchr(" \t\r", line[sz - 1]))
		sz--;
	if (!sz || *line == '#')
		return 0;
	if (sz < prefix_sz || memcmp(line, SUPPRESSION, prefix_sz))
		return -EBADMSG;
	return add(rules, BLOCK_IGNORED, NULL, strndup(line + prefix_sz, sz - prefix_sz));
}

int kind_rules__add_suppressions(struct kind_rules *rules, const char *text, size_t *ret_line)
{
	size_t number = 1;
	int err;

	for (;; number++) {
		size_t sz;

		text += strspn(text, " \t");
		sz = strcspn(text, "\n");
		err = add_suppression(rules, text, sz);
		text += sz;
		if (err || !*text++)
			break;
	}
	*ret_line = number;
	return err;
}

int kind_rules__read_suppressions(struct kind_rules *rules, const char *path, size_t *ret_line)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;
	int err = 0;

	*ret_line = 0;
	if (!file)
		return -errno;
	errno = 0;
	if (getdelim(&text, &cap, '\0', file) < 0)
		err = -errno; /* 0: an empty file */
	else
		err = kind_rules__add_suppressions(rules, text, ret_line);
	fclose(file);
	free(text);
	return err;
}

void kind_rules__destroy(struct kind_rules *rules)
{
	for (size_t i = 0; i < rules->cnt; i++) {
		free(rules->rules[i].tag);
		free(rules->rules[i].pattern);
	}
	free(rules->rules);
	*rules = (struct kind_rules){0};
}
