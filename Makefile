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
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

SQL_PARTS    = $(shell sed 's/\#.*//' sql/MANIFEST | awk 'NF {print "sql/" $$1}')
HEADERS      = $(wildcard extension/*.h extension/*/*.h workers/*.h)
$(OBJS): $(HEADERS)
$(DATA_built): tools/build-sql usdtpay.control sql/MANIFEST $(SQL_PARTS) $(wildcard sql/upgrades/*.sql)
	@mkdir -p build/sql
	tools/build-sql $(EXTVERSION) build/sql

## Verbs

help:           ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

print-%:        # print a make variable
	@echo '$*=$($*)'

.PHONY: help
