# SPDX-License-Identifier: GPL-2.0-only
# make [all]   build/cnitrace          make test     the whole suite (scripts/test.sh)
# make unit    unit tests only         make fuzz     parsers, a few seconds each
# make install  PREFIX=/usr/local DESTDIR=
# make format  clang-format in place   make lint     clang-format, cppcheck, shellcheck
# make demo    scripts/demo.sh         make clean    make help

VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
ARCH ?= $(shell uname -m)
PKG_CONFIG ?= pkg-config

# make CROSS=aarch64-linux-gnu- SYSROOT=DIR: for another machine, against the libraries below DIR.
CROSS ?=
SYSROOT ?=
ifneq ($(CROSS),)
TARGET := $(CROSS:%-=%)
ARCH := $(firstword $(subst -, ,$(TARGET)))
CC := $(CROSS)gcc $(SYSROOT:%=--sysroot=%)
AR := $(CROSS)ar
PKG_CONFIG := env PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TARGET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
endif
BPF_ARCH := $(subst x86_64,x86,$(subst aarch64,arm64,$(ARCH)))

PKGS := libbpf libelf zlib libnl-3.0 libnl-route-3.0 libmnl libnftnl json-c libpcap libmicrohttpd ncursesw
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS))

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
OPT ?= -O2 -g
SAN ?=
CPPFLAGS += -D_GNU_SOURCE -DCNITRACE_VERSION='"$(VERSION)"' -Iuser -Iheaders -I$(BUILD)
CFLAGS_ALL = -std=gnu11 $(OPT) $(SAN) $(WARN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS)
MULTIARCH := $(if $(CROSS),$(TARGET),$(shell $(CC) -print-multiarch))
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror -Wno-unused-parameter -Iheaders -Ibpf -idirafter $(SYSROOT)/usr/include/$(MULTIARCH)

BPF_SRC := $(wildcard bpf/*.bpf.c)
SKELS := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
LIB_SRC := $(wildcard user/base/*.c user/commands/*.c user/kernel/*.c user/packet/*.c user/node/*.c user/diagnose/*.c user/output/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

.PHONY: all bins unit fuzz fuzz-run test demo install format lint clean help
all: $(BUILD)/cnitrace

$(BUILD)/cnitrace: $(BUILD)/user/main.o $(BUILD)/libcnitrace.a
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lpthread

$(BUILD)/libcnitrace.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Skeletons are made before any object that may include them.
$(LIB_OBJ) $(BUILD)/user/main.o: | $(SKELS) $(BUILD)/bpf/type_names.h

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@
.PRECIOUS: $(BUILD)/bpf/%.bpf.o

# The types that the programs name: only those of the kernel's are kept for their relocation.
$(BUILD)/bpf/type_names.h: $(SKELS:.skel.h=.bpf.o)
	for o in $^; do $(BPFTOOL) btf dump file $$o || exit 1; done >$@.dump
	sed -nE "s/^\[[0-9]+\] (STRUCT|UNION|ENUM|TYPEDEF) '([a-zA-Z0-9_]+)'.*/\1 \2/p" $@.dump | \
		sed 's/___.*//' | sort -u | sed -E 's/(.*) (.*)/{"\2", BTF_KIND_\1},/' >$@.tmp
	test -s $@.tmp && rm $@.dump && mv $@.tmp $@

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libcnitrace.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests/unit -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libcnitrace.a $(PKG_LIBS) -lcmocka -lpthread

# What scripts/bench.sh measures with; not in the default build.
$(BUILD)/scripts/bench/%: scripts/bench/%.c $(BUILD)/libcnitrace.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libcnitrace.a $(PKG_LIBS) -lpthread

bins: all $(UNIT_BIN)

unit: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do echo "# $$t"; $$t || exit 1; done

# Every parser of outside bytes, a few seconds each, with libFuzzer and the sanitizers. What it begins
# with is in tests/fuzz/seeds.
FUZZ_SECONDS ?= 5
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/libcnitrace.a
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_ALL) -fsanitize=fuzzer -Itests/unit -o $@ $< $(BUILD)/libcnitrace.a $(PKG_LIBS) -lpthread

fuzz:
	$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(CLANG) OPT="-O1 -g" \
		SAN="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all" fuzz-run

fuzz-run: $(FUZZ_BIN)
	@for f in $(FUZZ_BIN); do mkdir -p $$f.corpus; echo "# $$f"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$$f. $$f.corpus $$(ls -d tests/fuzz/seeds/$${f##*/} 2>/dev/null) || exit 1; done

test:
	scripts/test.sh

demo:
	scripts/demo.sh

install: all
	install -D -m 0755 $(BUILD)/cnitrace $(DESTDIR)$(PREFIX)/bin/cnitrace
	install -D -m 0644 user/cnitrace.8 $(DESTDIR)$(PREFIX)/share/man/man8/cnitrace.8
	install -D -m 0644 user/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cnitrace
	install -D -m 0644 user/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_cnitrace
	install -D -m 0644 user/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cnitrace.fish
	install -D -m 0644 user/output/schema.json $(DESTDIR)$(PREFIX)/share/cnitrace/schema.json
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|^ExecStart=/usr/local/bin/|ExecStart=$(PREFIX)/bin/|' scripts/cnitrace.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/cnitrace.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/cnitrace.service

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

lint:
	scripts/lint.sh

clean:
	rm -rf $(BUILD)

help:
	@sed -n '2,7p' Makefile | cut -c3-

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
