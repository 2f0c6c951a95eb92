/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer target: the input is a file that a target executes. It is opened as a module and asked
 * for a few addresses. elfutils' own work is done by the worker; its death is no finding, while
 * what this process does with the file and with the worker's answers is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "symbol/symbolize.h"

static void ask(struct symbolizer *symbolizer, struct module *module)
{
	const struct symbol *symbols;
	uint64_t address;

	for (uint64_t offset = 0; offset < 1 << 16; offset += 0x1fff) {
		if (!module__address(module, offset, &address))
			address = offset;
		if (symbolizer__resolve(symbolizer, module, address, offset & 1, &symbols) < 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t sz);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t sz)
{
	struct symbolizer *symbolizer = symbolizer__new();
	struct modules *modules = modules__new();
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct module *module;

	if (!symbolizer || !modules || fd < 0 || write(fd, bytes, sz) != (ssize_t)sz)
		abort();
	module = modules__add_fd(modules, fd, "/fuzz");
	if (module)
		ask(symbolizer, module);
	close(fd);
	symbolizer__free(symbolizer);
	modules__free(modules);
	return 0;
}
