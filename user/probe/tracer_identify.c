// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who a file is to the kernel: asked by a mapping of our own, as what is said of mappings in /proc is
 * another thing on overlayfs. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "probe/tracer_parts.h"

#define IDENTIFY_TRIES 1000 /* it fails while another thread of ours changes mappings */

static int ask(struct tracer *tracer, const void *page)
{
	__u64 none = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &none, .ctx_size_in = sizeof(none));
	int fd = bpf_program__fd(tracer->skel->progs.on_identify);

	tracer->skel->bss->identity_address = (__u64)(unsigned long)page;
	for (int i = 0; i < IDENTIFY_TRIES; i++) {
		if (bpf_prog_test_run_opts(fd, &opts))
			return -errno;
		if (!opts.retval)
			return 0;
	}
	return -EBUSY;
}

int tracer__identify(struct tracer *tracer, int fd, uint32_t *ret_dev, uint64_t *ret_inode)
{
	size_t page_sz = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, page_sz, PROT_READ, MAP_PRIVATE, fd, 0);
	int err;

	if (page == MAP_FAILED)
		return -errno;
	err = ask(tracer, page);
	munmap(page, page_sz);
	if (err)
		return err;
	*ret_dev = tracer->skel->bss->identity_dev;
	*ret_inode = tracer->skel->bss->identity_inode;
	return 0;
}
