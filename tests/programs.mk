# The programs that the runtime tests trace, built into $(BUILD)/programs/ (target: programs).
# Included by the Makefile, which sets BUILD, CC, CXX and WERROR.
#
# They keep their call chains: little optimization, frame pointers, no tail calls, and no compiler that
# knows malloc and takes calls away. Where a program shall be otherwise (without frame pointers, static,
# stripped, against musl) it is built a second time under another name.

PROGRAMS_SRC := tests/programs
PROGRAMS_OUT := $(BUILD)/programs
PROGRAMS_DEPS := $(wildcard $(PROGRAMS_SRC)/*.h) tests/programs.mk
PROGRAMS_FLAGS := -D_GNU_SOURCE -Wall -Wextra $(WERROR) -O1 -g \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-builtin
PROGRAMS_C := $(CC) -std=gnu11 $(PROGRAMS_FLAGS)
PROGRAMS_CXX := $(CXX) -std=gnu++17 -fsized-deallocation $(PROGRAMS_FLAGS)
PROGRAMS_LIB := -shared -fPIC
# functions that a C library may lack are weak references, and may come from a preloaded library
PROGRAMS_WEAK := -Wl,-z,dynamic-undefined-weak
PROGRAMS_OURS = -L$(PROGRAMS_OUT) -Wl,-rpath,'$$ORIGIN' -Wl,--no-as-needed

MUSL_CC := $(shell command -v musl-gcc)

# Other allocators, where they are installed: to be linked, and their functions called by the names that
# they have beside malloc's (a prefix).
PROGRAMS_LIBRARY = $(firstword $(wildcard $(addsuffix /$(1),/usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib)))
JEMALLOC := $(call PROGRAMS_LIBRARY,libjemalloc.so.2)
JEMALLOC_STATIC := $(call PROGRAMS_LIBRARY,libjemalloc_pic.a)
TCMALLOC := $(call PROGRAMS_LIBRARY,libtcmalloc_minimal.so.4)
MIMALLOC := $(call PROGRAMS_LIBRARY,libmimalloc.so.2)
PREFIXED := malloc calloc realloc reallocarray posix_memalign aligned_alloc memalign valloc pvalloc free cfree \
	free_sized free_aligned_sized mallocx rallocx dallocx sdallocx
PROGRAMS_PREFIX = $(foreach name,$(PREFIXED),-D$(name)=$(1)$(name))

# of one file each; a name has its own line
PROGRAMS_PLAIN := arena_obstack \
	blocks \
	churn \
	contained \
	die \
	flood \
	fork_threads \
	kinds \
	leak \
	leaky_server \
	main_exits_first \
	many_stacks \
	maps \
	numbered \
	numbered_family \
	pool \
	puppet \
	queries \
	sampled \
	seccomped \
	sections \
	section_calls \
	spied \
	stress \
	threads \
	trap_clone \
	trap_dlclose \
	trap_exec \
	trap_exec_thread \
	trap_failed \
	trap_fork \
	trap_many \
	trap_many_forks \
	trap_map_reuse \
	trap_pid_reuse \
	trap_realloc_failing \
	trap_spawn \
	unreadable \
	wrong_free
PROGRAMS_ON_OURS := trap_address_reuse trap_longjmp
PROGRAMS_LIBS := liballoc_ours.so liballoc_ours_tail.so liballoc_ours_new.so libforward.so \
	libforward_tail.so libcount.so libbacktrace.so plugin_first.so plugin_second.so plugin_shifted.so \
	stacks_plugin_a.so stacks_plugin_b.so
# allocators that are declared: with the library's name as pkg-config knows it, where it is installed
PROGRAMS_DECLARED := $(foreach program,arena_apr:apr-1 arena_talloc:talloc slices_glib:glib-2.0 \
	blocks_sqlite:sqlite3 blocks_python:python3-embed,\
	$(if $(shell $(PKG_CONFIG) --exists $(lastword $(subst :, ,$(program))) && echo yes),$(program)))
# for the comparison of stacks: as distributions build, without frame pointers
PROGRAMS_STACKS := stacks_cxx stacks_threads stacks_signal stacks_frames stacks_dlclose
PROGRAMS_STACKS_FLAGS := $(filter-out -fno-omit-frame-pointer,$(PROGRAMS_FLAGS)) -O2 -fomit-frame-pointer
PROGRAMS := $(PROGRAMS_PLAIN) $(PROGRAMS_STACKS) $(PROGRAMS_ON_OURS) $(PROGRAMS_LIBS) trap_throw trap_bad_alloc leak_new spied_new \
	late_free suppressed suppressed_asan \
	wrong_delete wrong_delete_own wrong_free_static \
	leak_optimized leak_static leak_stripped leak_debuglink leak_ours leak_ours_tail leak_ours_static \
	leak_new_ours leak_forwarded leak_forwarded_tail \
	$(foreach program,$(PROGRAMS_DECLARED),$(firstword $(subst :, ,$(program)))) \
	libprivate.so several several_late $(if $(JEMALLOC),several_jemalloc) \
	$(if $(JEMALLOC),leak_jemalloc leak_extended_jemalloc) \
	$(if $(TCMALLOC),leak_tcmalloc leak_tc leak_extended_tcmalloc) \
	$(if $(MIMALLOC),leak_mimalloc leak_mi leak_extended_mimalloc) \
	$(if $(JEMALLOC_STATIC),leak_jemalloc_static leak_je leak_extended_je libprivate_jemalloc.so several_private_jemalloc) \
	maps_static maps_optimized \
	$(if $(MUSL_CC),leak_musl leak_musl_static trap_realloc_failing_musl maps_musl maps_musl_static) \
	$(if $(filter x86_64,$(shell uname -m)),bits32)

.PHONY: programs
programs: $(addprefix $(PROGRAMS_OUT)/,$(PROGRAMS))

$(PROGRAMS_OUT):
	mkdir -p $@

$(addprefix $(PROGRAMS_OUT)/,$(PROGRAMS)): $(PROGRAMS_DEPS) | $(PROGRAMS_OUT)

$(addprefix $(PROGRAMS_OUT)/,$(PROGRAMS_PLAIN)): $(PROGRAMS_OUT)/%: $(PROGRAMS_SRC)/%.c
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_WEAK) -ldl -lpthread

$(addprefix $(PROGRAMS_OUT)/,leak_new trap_bad_alloc spied_new late_free suppressed wrong_delete): $(PROGRAMS_OUT)/%: \
		$(PROGRAMS_SRC)/%.cc
	$(PROGRAMS_CXX) $< -o $@

$(PROGRAMS_OUT)/wrong_delete_own: $(PROGRAMS_SRC)/wrong_delete.cc $(PROGRAMS_SRC)/own_operators.cc
	$(PROGRAMS_CXX) $(filter %.cc,$^) -o $@
$(PROGRAMS_OUT)/wrong_free_static: $(PROGRAMS_SRC)/wrong_free.c
	$(PROGRAMS_C) -static $< -o $@

# the same leaks under LeakSanitizer, which is asked what it would suppress
$(PROGRAMS_OUT)/suppressed_asan: $(PROGRAMS_SRC)/suppressed.cc
	$(PROGRAMS_CXX) -fsanitize=address $< -o $@

# as programs are usually built: no frame pointers, tail calls
$(PROGRAMS_OUT)/leak_optimized: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_C) -O2 -fomit-frame-pointer -foptimize-sibling-calls $< -o $@ $(PROGRAMS_WEAK)
$(PROGRAMS_OUT)/leak_static: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_C) -static $< -o $@
$(PROGRAMS_OUT)/leak_stripped: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_C) -static -s $< -o $@
# names and lines lie in a file of their own beside it (.gnu_debuglink)
$(PROGRAMS_OUT)/leak_debuglink: $(PROGRAMS_OUT)/leak
	objcopy --only-keep-debug $< $@.debug
	objcopy --strip-all --add-gnu-debuglink=$@.debug $< $@

$(PROGRAMS_OUT)/leak_musl: $(PROGRAMS_SRC)/leak.c
	$(MUSL_CC) -std=gnu11 $(PROGRAMS_FLAGS) $< -o $@ $(PROGRAMS_WEAK)
$(PROGRAMS_OUT)/leak_musl_static: $(PROGRAMS_SRC)/leak.c
	$(MUSL_CC) -std=gnu11 $(PROGRAMS_FLAGS) -static $< -o $@
$(PROGRAMS_OUT)/trap_realloc_failing_musl: $(PROGRAMS_SRC)/trap_realloc_failing.c
	$(MUSL_CC) -std=gnu11 $(PROGRAMS_FLAGS) $< -o $@

# linked with another allocator; the weak references make the program not need it by itself
PROGRAMS_WITH = $(PROGRAMS_C) $< -o $@ $(PROGRAMS_WEAK) -Wl,--no-as-needed
$(PROGRAMS_OUT)/leak_jemalloc: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(JEMALLOC)
$(PROGRAMS_OUT)/leak_tcmalloc: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(TCMALLOC)
$(PROGRAMS_OUT)/leak_mimalloc: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(MIMALLOC)
$(PROGRAMS_OUT)/leak_jemalloc_static: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(JEMALLOC_STATIC) -lm -lpthread
# by names with a prefix, beside malloc of the C library or of the same allocator
$(PROGRAMS_OUT)/leak_tc: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(call PROGRAMS_PREFIX,tc_) $(TCMALLOC)
$(PROGRAMS_OUT)/leak_mi: $(PROGRAMS_SRC)/leak.c
	$(PROGRAMS_WITH) $(call PROGRAMS_PREFIX,mi_) $(MIMALLOC)
$(PROGRAMS_OUT)/libje.a:
	objcopy $(foreach name,$(PREFIXED),--redefine-sym $(name)=je_$(name)) $(JEMALLOC_STATIC) $@
$(PROGRAMS_OUT)/leak_je: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_OUT)/libje.a
	$(PROGRAMS_WITH) $(call PROGRAMS_PREFIX,je_) $(PROGRAMS_OUT)/libje.a -lm -lpthread
$(PROGRAMS_OUT)/leak_extended_je: $(PROGRAMS_SRC)/leak_extended.c $(PROGRAMS_OUT)/libje.a
	$(PROGRAMS_WITH) $(call PROGRAMS_PREFIX,je_) -Wl,-u,je_mallocx $(PROGRAMS_OUT)/libje.a -lm -lpthread
# what they have beside malloc's family
$(PROGRAMS_OUT)/leak_extended_jemalloc: $(PROGRAMS_SRC)/leak_extended.c
	$(PROGRAMS_WITH) $(JEMALLOC)
$(PROGRAMS_OUT)/leak_extended_tcmalloc: $(PROGRAMS_SRC)/leak_extended.c
	$(PROGRAMS_WITH) $(TCMALLOC)
$(PROGRAMS_OUT)/leak_extended_mimalloc: $(PROGRAMS_SRC)/leak_extended.c
	$(PROGRAMS_WITH) $(MIMALLOC)

# an allocator that a library keeps to itself, and a program that has another
$(PROGRAMS_OUT)/private.map: | $(PROGRAMS_OUT)
	echo '{ global: private_*; local: *; };' > $@
$(PROGRAMS_OUT)/libprivate.so: $(PROGRAMS_SRC)/private_alloc.c $(PROGRAMS_SRC)/alloc_ours.c $(PROGRAMS_OUT)/private.map
	$(PROGRAMS_C) $(PROGRAMS_LIB) $(filter %.c,$^) -o $@ -Wl,--version-script=$(PROGRAMS_OUT)/private.map
$(PROGRAMS_OUT)/libprivate_jemalloc.so: $(PROGRAMS_SRC)/private_alloc.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) $< -o $@ -Wl,--exclude-libs,ALL $(JEMALLOC_STATIC) -lm -lpthread
$(PROGRAMS_OUT)/several: $(PROGRAMS_SRC)/several.c $(PROGRAMS_OUT)/libprivate.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lprivate
$(PROGRAMS_OUT)/several_late: $(PROGRAMS_SRC)/several.c
	$(PROGRAMS_C) -DLATE $< -o $@ -ldl
$(PROGRAMS_OUT)/several_jemalloc: $(PROGRAMS_SRC)/several.c $(PROGRAMS_OUT)/libprivate.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lprivate $(JEMALLOC)
$(PROGRAMS_OUT)/several_private_jemalloc: $(PROGRAMS_SRC)/several.c $(PROGRAMS_OUT)/libprivate_jemalloc.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lprivate_jemalloc
$(PROGRAMS_OUT)/maps_static: $(PROGRAMS_SRC)/maps.c
	$(PROGRAMS_C) -static $< -o $@
$(PROGRAMS_OUT)/maps_optimized: $(PROGRAMS_SRC)/maps.c
	$(PROGRAMS_C) -O2 -fomit-frame-pointer -foptimize-sibling-calls $< -o $@
$(PROGRAMS_OUT)/maps_musl: $(PROGRAMS_SRC)/maps.c
	$(MUSL_CC) -std=gnu11 $(PROGRAMS_FLAGS) $< -o $@
$(PROGRAMS_OUT)/maps_musl_static: $(PROGRAMS_SRC)/maps.c
	$(MUSL_CC) -std=gnu11 $(PROGRAMS_FLAGS) -static $< -o $@

$(PROGRAMS_OUT)/liballoc_ours.so: $(PROGRAMS_SRC)/alloc_ours.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) $< -o $@
$(PROGRAMS_OUT)/liballoc_ours_tail.so: $(PROGRAMS_SRC)/alloc_ours.c
	$(PROGRAMS_C) -O2 -foptimize-sibling-calls -fomit-frame-pointer $(PROGRAMS_LIB) $< -o $@
# exceptions pass through it
$(PROGRAMS_OUT)/liballoc_ours_new.so: $(PROGRAMS_SRC)/alloc_ours.c
	$(PROGRAMS_C) -fexceptions -DWITH_NEW $(PROGRAMS_LIB) $< -o $@

$(PROGRAMS_OUT)/leak_ours: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_OUT)/liballoc_ours.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lalloc_ours
$(PROGRAMS_OUT)/leak_ours_tail: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_OUT)/liballoc_ours_tail.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lalloc_ours_tail
$(PROGRAMS_OUT)/leak_ours_static: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_SRC)/alloc_ours.c
	$(PROGRAMS_C) $(filter %.c,$^) -o $@
$(PROGRAMS_OUT)/leak_new_ours: $(PROGRAMS_SRC)/leak_new.cc $(PROGRAMS_OUT)/liballoc_ours_new.so
	$(PROGRAMS_CXX) $< -o $@ $(PROGRAMS_OURS) -lalloc_ours_new
$(addprefix $(PROGRAMS_OUT)/,$(PROGRAMS_ON_OURS)): $(PROGRAMS_OUT)/%: $(PROGRAMS_SRC)/%.c \
		$(PROGRAMS_OUT)/liballoc_ours.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) -lalloc_ours -lpthread
$(PROGRAMS_OUT)/trap_throw: $(PROGRAMS_SRC)/trap_throw.cc $(PROGRAMS_OUT)/liballoc_ours_new.so
	$(PROGRAMS_CXX) $< -o $@ $(PROGRAMS_OURS) -lalloc_ours_new

$(PROGRAMS_OUT)/libforward.so: $(PROGRAMS_SRC)/libforward.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) $< -o $@ -ldl
$(PROGRAMS_OUT)/libforward_tail.so: $(PROGRAMS_SRC)/libforward.c
	$(PROGRAMS_C) -O2 -foptimize-sibling-calls -fomit-frame-pointer $(PROGRAMS_LIB) $< -o $@ -ldl
$(PROGRAMS_OUT)/leak_forwarded: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_OUT)/libforward.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) $(PROGRAMS_WEAK) -lforward
$(PROGRAMS_OUT)/leak_forwarded_tail: $(PROGRAMS_SRC)/leak.c $(PROGRAMS_OUT)/libforward_tail.so
	$(PROGRAMS_C) $< -o $@ $(PROGRAMS_OURS) $(PROGRAMS_WEAK) -lforward_tail
# exceptions pass through it
$(PROGRAMS_OUT)/libcount.so: $(PROGRAMS_SRC)/libcount.c
	$(PROGRAMS_C) -O2 -fexceptions $(PROGRAMS_LIB) $< -o $@ -ldl -lpthread

$(PROGRAMS_OUT)/stacks_cxx: $(PROGRAMS_SRC)/stacks_cxx.cc
	$(CXX) -std=gnu++17 $(PROGRAMS_STACKS_FLAGS) $< -o $@
$(addprefix $(PROGRAMS_OUT)/,stacks_threads stacks_signal stacks_frames stacks_dlclose): \
		$(PROGRAMS_OUT)/%: $(PROGRAMS_SRC)/%.c
	$(CC) -std=gnu11 $(PROGRAMS_STACKS_FLAGS) $< -o $@ -ldl -lpthread
$(PROGRAMS_OUT)/stacks_plugin_a.so: $(PROGRAMS_SRC)/stacks_plugin.c
	$(CC) -std=gnu11 $(PROGRAMS_STACKS_FLAGS) $(PROGRAMS_LIB) -DFRAME_SZ=200 $< -o $@
$(PROGRAMS_OUT)/stacks_plugin_b.so: $(PROGRAMS_SRC)/stacks_plugin.c
	$(CC) -std=gnu11 $(PROGRAMS_STACKS_FLAGS) $(PROGRAMS_LIB) -DFRAME_SZ=1000 $< -o $@
$(PROGRAMS_OUT)/libbacktrace.so: $(PROGRAMS_SRC)/libbacktrace.c
	$(PROGRAMS_C) -O2 $(PROGRAMS_LIB) $< -o $@ -ldl -lpthread

$(PROGRAMS_OUT)/plugin_first.so: $(PROGRAMS_SRC)/plugin.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) -DLEAK_FUNCTION=plugin_first_leak $< -o $@
$(PROGRAMS_OUT)/plugin_second.so: $(PROGRAMS_SRC)/plugin.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) -DLEAK_FUNCTION=plugin_second_leak $< -o $@
$(PROGRAMS_OUT)/plugin_shifted.so: $(PROGRAMS_SRC)/plugin.c
	$(PROGRAMS_C) $(PROGRAMS_LIB) -DLEAK_FUNCTION=plugin_shifted_leak -DSHIFT='".skip 64"' $< -o $@

define DECLARED_PROGRAM
$$(PROGRAMS_OUT)/$(1): $$(PROGRAMS_SRC)/$(1).c
	$$(PROGRAMS_C) $$(shell $$(PKG_CONFIG) --cflags $(2)) $$< -o $$@ $$(shell $$(PKG_CONFIG) --libs $(2))
endef
$(foreach program,$(PROGRAMS_DECLARED),\
	$(eval $(call DECLARED_PROGRAM,$(word 1,$(subst :, ,$(program))),$(word 2,$(subst :, ,$(program))))))

# needs no 32-bit C library
$(PROGRAMS_OUT)/bits32: $(PROGRAMS_SRC)/bits32.c
	$(PROGRAMS_C) -m32 -static -nostdlib -ffreestanding -fno-pie -fno-stack-protector $< -o $@
