// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "report/checkpoint_name.h"

#include <stdlib.h>
#include <string.h>

bool checkpoint_name__is_valid(const char *name)
{
	char *end;

	if (!*name || strlen(name) > CHECKPOINT_NAME_MAX)
		return false;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f || *at == ':')
			return false;
	(void)strtol(name, &end, 10);
	return *end;
}
