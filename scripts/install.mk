# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# install, uninstall: below $(DESTDIR)$(PREFIX). Included by the Makefile, which sets BUILD and PREFIX.

INSTALL ?= install
INSTALLED_TOOL = $(DESTDIR)$(PREFIX)/bin/heaptap
INSTALLED_MAN = $(DESTDIR)$(PREFIX)/share/man/man8/heaptap.8
PRESETS := $(wildcard share/heaptap/allocators/*.conf)
INSTALLED_PRESETS = $(DESTDIR)$(PREFIX)/share/heaptap/allocators
INSTALLED_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/heaptap

.PHONY: install uninstall
install: $(BUILD)/heaptap
	$(INSTALL) -D -m 755 $(BUILD)/heaptap $(INSTALLED_TOOL)
	$(INSTALL) -D -m 644 man/heaptap.8 $(INSTALLED_MAN)
	$(INSTALL) -D -m 644 scripts/heaptap.bash-completion $(INSTALLED_COMPLETION)
	$(INSTALL) -D -m 644 -t $(INSTALLED_PRESETS) $(PRESETS)

uninstall:
	rm -f $(INSTALLED_TOOL) $(INSTALLED_MAN) $(INSTALLED_COMPLETION)
	rm -rf $(DESTDIR)$(PREFIX)/share/heaptap
