# usdtpay: a USDT payment platform inside PostgreSQL.  `make help` lists the verbs.
EXTENSION    = usdtpay
EXTVERSION   = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" usdtpay.control)
MODULE_big   = usdtpay
SOURCES      = $(sort $(wildcard extension/*.c extension/*/*.c workers/*.c))
OBJS         = $(SOURCES:.c=.o)
DATA_built   = $(addprefix build/sql/,$(shell tools/build-sql --names $(EXTVERSION)))
PG_CPPFLAGS  = -Iextension -Iworkers -DUSDTPAY_VERSION='"$(EXTVERSION)"'
PG_CFLAGS    = -Wall -Wextra -Wno-unused-parameter -Wshadow -Werror
SHLIB_LINK   = -lsecp256k1 -lcurl -lcrypto -lqrencode
EXTRA_CLEAN  = build

# The bitcode for JIT inlining buys nothing here and doubles the build.
override with_llvm = no

PG_CONFIG   ?= pg_config
# The verbs below need neither PGXS nor a pg_config: tools/world brings its own.
VERBS        = $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)
ifneq (,$(filter-out $(VERBS) print-%,$(or $(MAKECMDGOALS),all)))
ifneq (,$(filter $(VERBS),$(MAKECMDGOALS)))
$(error run "make $(firstword $(filter $(VERBS),$(MAKECMDGOALS)))" by itself)
endif
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
endif

SQL_PARTS    = $(shell sed 's/\#.*//' sql/MANIFEST | awk 'NF {print "sql/" $$1}')
HEADERS      = $(wildcard extension/*.h extension/*/*.h workers/*.h)
$(OBJS): $(HEADERS)
$(DATA_built): tools/build-sql usdtpay.control sql/MANIFEST $(SQL_PARTS) \
               $(wildcard sql/upgrades/*.sql)
	@mkdir -p build/sql
	tools/build-sql $(EXTVERSION) build/sql

## Verbs
SUITE        = tools/world tools/suite

ifndef PGXS
help:           ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup:          ## install what building, testing and linting need (apt, npm)
	@tools/setup

demo:           ## watch it work: a private cluster, EVM and TRON nodes, payments of every kind
	@tools/setup build test
	@echo 'building usdtpay into a private world ...'
	@tools/world demo/run

check:          ## every test: unit, install, pgTAP, isolation, TAP
	@tools/setup build test
	@$(SUITE) unit install pgtap isolation tap

check-unit:     ## unit tests of the pure C, under ASAN and UBSAN
	@$(SUITE) unit

check-pgtap:    ## pgTAP tests of the SQL API; TESTS="file..." for some
	@$(SUITE) pgtap

check-isolation: ## concurrency: isolation specs
	@$(SUITE) isolation

check-tap:      ## TAP tests on real clusters, a real node, a faulty network
	@$(SUITE) tap

chaos:          ## seeded rounds of kills, faults, reorgs; CHAOS_ROUNDS (200), CHAOS_SEED (1)
	@tools/setup build test
	@SUITE_SECONDS=$${SUITE_SECONDS:-14400} $(SUITE) chaos

install-check:  ## what packagers rely on: staged install, uninstall, clean
	@$(SUITE) install

bench:          ## the figures with their baselines; BENCH="chapter..." for some
	@tools/setup build test
	@tools/world test/bench/run

fuzz:           ## every fuzz target for FUZZ_SECONDS (5)
	@tools/setup build lint
	@tools/world make -s -C test/fuzz check

lint:           ## formatting, static analysis, house rules
	@tools/setup lint
	@tools/lint

print-%:        # print a make variable
	@echo '$*=$($*)'

.PHONY: $(VERBS)
endif
