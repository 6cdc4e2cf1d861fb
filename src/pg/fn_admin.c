/*
 * fn_admin.c - functions for operators and monitoring: caas_version, caas_status,
 * caas_profile and caas_keyring. None of them shows a key or a salt.
 */
#include "caas_pg.h"

#include "funcapi.h"
#include "leftovers.h"
#include "rows.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* caas_version() returns text */
PG_FUNCTION_INFO_V1(caas_sql_version);
Datum
caas_sql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(CStringGetTextDatum(caas_library_version()));
}

/* Returns the generation at this index; index 0 has the highest number. */
static caas_generation_info
generation_at(caas_engine *engine, int index)
{
	caas_generation_info generation;
	caas_error			 error;

	if (caas_engine_generation(engine, index, &generation, &error) != CAAS_OK)
		caas_raise(&error);
	return generation;
}

static caas_generation_info
active_generation(caas_engine *engine)
{
	caas_keyring_info	 keyring;
	caas_generation_info generation = {0};

	caas_engine_keyring(engine, &keyring);
	for (int i = 0; i < keyring.count && !generation.active; i++)
		generation = generation_at(engine, i);
	return generation;
}

/* caas_status() returns record: the comment in sql/caas.sql lists the columns */
PG_FUNCTION_INFO_V1(caas_sql_status);
Datum
caas_sql_status(PG_FUNCTION_ARGS)
{
	caas_row			 row = caas_row_begin(fcinfo);
	caas_engine			*engine;
	caas_error			 error;
	bool				 loaded = caas_try_keyring(&engine, &error);
	caas_generation_info active = {0};
	Datum				 stored = caas_stored_api_keys();
	const char			*key_problem = caas_key_problem();

	if (loaded)
		active = active_generation(engine);
	caas_row_add_text(&row, caas_installed_version());
	caas_row_add_text(&row, caas_library_version());
	caas_row_add_text(&row, caas_openssl_version());
	caas_row_add(&row, BoolGetDatum(loaded), false);
	caas_row_add_text(&row, loaded ? NULL : caas_keyring_problem(&error, caas_may_see_paths()));
	caas_row_add(&row, Int32GetDatum(active.number), !loaded);
	caas_row_add_text(&row, loaded ? active.check_value : NULL);
	caas_row_add(&row, BoolGetDatum(key_problem == NULL), false);
	caas_row_add(&row, BoolGetDatum(caas_secrets_locked() != 0), false);
	caas_row_add(&row, stored, false);
	caas_row_add_newer_text(&row, key_problem);
	caas_row_add_newer_text(&row, caas_key_name());
	PG_RETURN_DATUM(caas_row_finish(&row));
}

/* caas_profile(uuid) returns record: generation, algorithm, salt_length */
PG_FUNCTION_INFO_V1(caas_sql_profile);
Datum
caas_sql_profile(PG_FUNCTION_ARGS)
{
	caas_row		  row = caas_row_begin(fcinfo);
	caas_profile_info profile;
	caas_error		  error;

	if (caas_profile(caas_keyring_engine(), PG_GETARG_UUID_P(0)->data, 0, &profile, &error) !=
		CAAS_OK)
		caas_raise(&error);
	caas_row_add(&row, Int32GetDatum(profile.generation), false);
	caas_row_add_text(&row, profile.algorithm);
	caas_row_add(&row, Int32GetDatum(profile.salt_length), false);
	PG_RETURN_DATUM(caas_row_finish(&row));
}

static Datum
keyring_row(FunctionCallInfo fcinfo, const caas_generation_info *generation)
{
	caas_row row = caas_row_begin(fcinfo);

	caas_row_add(&row, Int32GetDatum(generation->number), false);
	caas_row_add_text(&row, generation->active ? "active" : "retired");
	caas_row_add(&row,
				 DirectFunctionCall3(timestamptz_in, CStringGetDatum(generation->created),
									 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)),
				 false);
	caas_row_add_text(&row, generation->check_value);
	caas_row_add_text(&row, generation->digests);
	caas_row_add_text(&row, generation->ciphers);
	caas_row_add_text(&row, generation->passwords);
	return caas_row_finish(&row);
}

/* caas_keyring() returns setof record: one row a generation, highest number first */
PG_FUNCTION_INFO_V1(caas_sql_keyring);
Datum
caas_sql_keyring(PG_FUNCTION_ARGS)
{
	FuncCallContext		*calls;
	caas_engine			*engine = caas_keyring_engine();
	caas_keyring_info	 keyring;
	caas_generation_info generation;

	if (SRF_IS_FIRSTCALL())
		(void)SRF_FIRSTCALL_INIT();
	calls = SRF_PERCALL_SETUP();
	caas_engine_keyring(engine, &keyring);
	if (calls->call_cntr >= (uint64)keyring.count)
		SRF_RETURN_DONE(calls);
	generation = generation_at(engine, (int)calls->call_cntr);
	SRF_RETURN_NEXT(calls, keyring_row(fcinfo, &generation));
}
