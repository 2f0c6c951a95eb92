/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A module of bytes that no file on disk has. */
#ifndef HEAPTAP_TESTS_MODULE_BYTES_H
#define HEAPTAP_TESTS_MODULE_BYTES_H

#include <sys/mman.h>
#include <unistd.h>

#include "symbol/module.h"

static inline struct module *add_bytes(struct modules *modules, const void *bytes, size_t sz)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	struct module *module;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, sz), sz);
	module = modules__add_fd(modules, fd, "/hostile");
	close(fd);
	return module;
}

#endif
