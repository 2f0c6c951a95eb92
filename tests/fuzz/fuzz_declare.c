/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Any bytes as a file of declarations. The presets are good seeds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/declare.h"

/* libconfig (1.5) leaks the text of a string that does not end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz)
{
	struct declarations *declarations = NULL;
	const struct allocator_function *rows;
	char *problem = NULL;
	size_t cnt;

	if (declarations__parse("f", (const char *)data, sz, &declarations, &problem)) {
		free(problem);
		return 0;
	}
	rows = declarations__rows(declarations, &cnt);
	for (size_t i = 0; i < cnt; i++)
		if (!rows[i].group || !rows[i].group->file_cnt || !*rows[i].name || !rows[i].role ||
			strlen(rows[i].declared_at) < 3)
			abort();
	declarations__free(declarations);
	return 0;
}
