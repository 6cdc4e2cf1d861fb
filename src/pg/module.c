/*
 * module.c - what happens when the server loads the library.
 */
#include "caas_pg.h"

#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "caas");
#else
PG_MODULE_MAGIC;
#endif

void _PG_init(void);

/*
 * Runs in the postmaster when preloaded, so it touches neither OpenSSL nor the
 * keyring: locked memory and random state must belong to one process.
 */
void
_PG_init(void)
{
	caas_error_init();
	caas_session_init();
	caas_define_settings();
	caas_password_slots_init();
}
