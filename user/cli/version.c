// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one file that is compiled again when the commit changes. */
#include <bpf/libbpf.h>
#include "cli/command.h"

void version__print(FILE *out)
{
	fprintf(out, "heaptap %s (%s, libbpf %s)\n", HEAPTAP_VERSION, HEAPTAP_COMMIT,
		libbpf_version_string());
}
