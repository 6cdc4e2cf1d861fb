# caas: an extension (caas.so), its install script and the program `caas`.
# `make extension` and `make install-extension` leave the program out, and need none of its libraries.
EXTENSION = caas
# The folder of the sources, with a slash at its end; another one than that of the build after `make -f FOLDER/Makefile`.
SOURCE := $(dir $(firstword $(MAKEFILE_LIST)))
# Prints the names of the files that match the patterns, as they are below SOURCE.
sources = $(sort $(patsubst $(SOURCE)%,%,$(wildcard $(addprefix $(SOURCE),$(1)))))
# The one place where the version stands is caas.control.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" '$(SOURCE)caas.control')

MODULE_big = caas
CORE_OBJS := $(patsubst %.cpp,%.o,$(call sources,src/core/*.cpp))
PROGRAM_OBJS := $(patsubst %.cpp,%.o,$(call sources,src/program/*.cpp src/cli/*.cpp src/http/*.cpp))
PG_OBJS := $(patsubst %.c,%.o,$(call sources,src/pg/*.c))
OBJS = $(CORE_OBJS) $(PG_OBJS)
DATA = $(call sources,sql/caas--*--*.sql)
DATA_built = sql/caas--$(EXTVERSION).sql

REGRESS = $(patsubst test/sql/%.sql,%,$(call sources,test/sql/*.sql))
REGRESS_OPTS = --inputdir='$(SOURCE)test' --load-extension=caas

# WERROR=1 is what the project's own tests build with; a user's newer compiler may warn of something new.
WARNINGS = -Wall -Wextra $(if $(WERROR),-Werror)
PG_CPPFLAGS = -MMD -MP
PG_CFLAGS = $(WARNINGS) -Wno-declaration-after-statement -Wno-missing-field-initializers -Wno-unused-parameter
PG_CXXFLAGS = -std=c++20 $(WARNINGS) -fPIC -fvisibility=hidden -fvisibility-inlines-hidden
SHLIB_LINK = -lcrypto -licuuc -lstdc++ -Wl,--version-script='$(SOURCE)src/caas.map'
EXTRA_CLEAN = caas build $(PROGRAM_OBJS) $(OBJS:.o=.d) $(PROGRAM_OBJS:.o=.d) $(DATA_built)

# make would take the objects of a build beside the sources for those of this folder.
ifneq ($(realpath $(SOURCE)),$(CURDIR))
ifneq (,$(wildcard $(SOURCE)caas.so $(addprefix $(SOURCE),$(OBJS) $(PROGRAM_OBJS))))
$(error $(SOURCE) holds a build; run `make clean` there first)
endif
$(shell mkdir -p sql $(sort $(dir $(OBJS) $(PROGRAM_OBJS))))
# pg_regress looks for the expected results where it writes its own.
REGRESS_PREP = link-expected
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# The bitcode step of PGXS compiles C++ without PG_CXXFLAGS.
override with_llvm := no
include $(PGXS)

-include $(OBJS:.o=.d) $(PROGRAM_OBJS:.o=.d)

# The program is for operators and goes where they look for it; a package sets PROGRAM_PREFIX=/usr.
PROGRAM_PREFIX ?= /usr/local

# The program belongs to every build but that of these two goals.
ifneq (,$(filter-out extension install-extension,$(or $(MAKECMDGOALS),all)))
all: caas
install: install-program
endif
extension: all
install-extension: install

caas.so: src/caas.map

src/core/abi.o: CPPFLAGS += -DCAAS_VERSION='"$(EXTVERSION)"'
src/core/abi.o: caas.control

$(DATA_built): sql/caas.sql caas.control
	cp $< $@

# Line numbers are all that a program of templates keeps for a debugger: a fifth of the time to build, half the size.
$(PROGRAM_OBJS): override CXXFLAGS += -g1
# libpq and its header are those that pg_config names.
$(filter src/cli/%,$(PROGRAM_OBJS)): CPPFLAGS += -I$(shell $(PG_CONFIG) --includedir)
# src/http/assertion.cpp handles what fails.
$(filter src/http/%,$(PROGRAM_OBJS)): CPPFLAGS += -DBOOST_ENABLE_ASSERT_HANDLER

PROGRAM_LIBS = -lpq -lssl -lcrypto -licuuc -lsimdjson -lprometheus-cpp-core -lsystemd -lpthread

caas: $(PROGRAM_OBJS) $(CORE_OBJS)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -L$(shell $(PG_CONFIG) --libdir) -o $@ $^ $(PROGRAM_LIBS)

install-program: caas
	$(INSTALL) -d '$(DESTDIR)$(PROGRAM_PREFIX)/bin' '$(DESTDIR)$(PROGRAM_PREFIX)/share/man/man1' \
		'$(DESTDIR)$(PROGRAM_PREFIX)/share/bash-completion/completions' '$(DESTDIR)$(PROGRAM_PREFIX)/lib/systemd/system'
	$(INSTALL) -m 755 caas '$(DESTDIR)$(PROGRAM_PREFIX)/bin/caas'
	$(INSTALL) -m 644 '$(SOURCE)docs/caas.1' '$(DESTDIR)$(PROGRAM_PREFIX)/share/man/man1/caas.1'
	$(INSTALL) -m 644 '$(SOURCE)src/cli/completion.bash' '$(DESTDIR)$(PROGRAM_PREFIX)/share/bash-completion/completions/caas'
	sed 's,/usr/local/,$(PROGRAM_PREFIX)/,' '$(SOURCE)src/http/caas.service' | \
		$(INSTALL) -m 644 /dev/stdin '$(DESTDIR)$(PROGRAM_PREFIX)/lib/systemd/system/caas.service'

uninstall: uninstall-program
uninstall-program:
	rm -f '$(DESTDIR)$(PROGRAM_PREFIX)/bin/caas' '$(DESTDIR)$(PROGRAM_PREFIX)/share/man/man1/caas.1' \
		'$(DESTDIR)$(PROGRAM_PREFIX)/share/bash-completion/completions/caas' \
		'$(DESTDIR)$(PROGRAM_PREFIX)/lib/systemd/system/caas.service'

link-expected:
	ln -sfn '$(abspath $(SOURCE)expected)' expected


# The archive for PGXN and for packages, of the version's tag; DIST names another commit, such as DIST=HEAD. Only a tag makes a
# release, so that no archive with a version's name is made by accident of something else.
DIST ?= refs/tags/$(EXTVERSION)
DIST_FOLDER ?= .
dist:
	@git rev-parse -q --verify '$(DIST)^{commit}' >/dev/null || \
		{ echo "there is no $(DIST); \`make dist DIST=HEAD\` packs what is checked out" >&2; exit 1; }
	@git show '$(DIST):caas.control' | grep -qFx "default_version = '$(EXTVERSION)'" || \
		{ echo "$(DIST) is not version $(EXTVERSION)" >&2; exit 1; }
	git archive --format=zip --prefix='caas-$(EXTVERSION)/' --output='$(DIST_FOLDER)/caas-$(EXTVERSION).zip' '$(DIST)'

.PHONY: extension install-extension install-program uninstall-program link-expected dist
