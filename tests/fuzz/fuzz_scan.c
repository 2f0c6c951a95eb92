/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Any bytes as an ELF file: the scan for probe sites, and what the closure reads of it. A small
 * library that defines malloc, operator new and free is a good seed. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/dynamic.h"
#include "probe/scan.h"

/* Each site must lie in the file, and be told in full. */
static void check_sites(const struct probe_sites *sites, size_t file_sz)
{
	for (size_t i = 0; i < sites->cnt; i++)
		if (sites->sites[i].file_offset >= file_sz || !sites->sites[i].name ||
			sites->sites[i].function >= allocator_function_cnt)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz)
{
	struct probe_sites sites = {0};
	struct dynamic dynamic = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, sz) != (ssize_t)sz)
		abort();
	if (probe_sites__scan(fd, "", true, &sites) == 0)
		check_sites(&sites, sz);
	probe_sites__destroy(&sites);
	if (dynamic__read(fd, &dynamic) == 0)
		dynamic__destroy(&dynamic);
	close(fd);
	return 0;
}
