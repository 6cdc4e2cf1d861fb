/*
 * module.c - the initialisation of the library.
 */
#include "caas_pg.h"
#include "table.h"

CAAS_MODULE_MAGIC;

void _PG_init(void);

/*
 * The postmaster runs this when the library is in shared_preload_libraries, so it
 * uses neither OpenSSL nor the keyring: locked memory and random state must not
 * be inherited by several processes.
 */
void
_PG_init(void)
{
	caas_error_init();
	caas_session_init();
	caas_node_init();
	caas_define_settings();
	caas_password_slots_init();
	caas_label_init();
}
