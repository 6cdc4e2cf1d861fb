/*
 * fn_password.c - caas_hash_password, caas_verify_password and caas_password_outdated.
 */
#include "caas_pg.h"

#include "utils/builtins.h"

/* caas_hash_password(uuid, text) returns text */
PG_FUNCTION_INFO_V1(caas_sql_hash_password);
Datum
caas_sql_hash_password(PG_FUNCTION_ARGS)
{
	caas_engine *engine = caas_gated_engine();
	caas_bytes	 password = caas_text_bytes(PG_GETARG_DATUM(1));
	char		 text[CAAS_PASSWORD_TEXT_BYTES];
	caas_status	 status;
	caas_error	 error;

	/* No error may be raised between the two calls: the slot would be lost. */
	caas_password_slot_take();
	status = caas_password_hash(engine, PG_GETARG_UUID_P(0)->data, password.data, password.len,
								&caas_password_cost, text, &error);
	caas_password_slot_give();
	if (status != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&password);
	PG_RETURN_DATUM(CStringGetTextDatum(text));
}

/* caas_verify_password(uuid, text, hash text) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_verify_password);
Datum
caas_sql_verify_password(PG_FUNCTION_ARGS)
{
	caas_engine *engine;
	caas_bytes	 password;
	caas_bytes	 stored;
	int			 match;
	caas_status	 status;
	caas_error	 error;

	caas_refuse_restricted("caas_verify_password");
	engine = caas_gated_engine();
	password = caas_text_bytes(PG_GETARG_DATUM(1));
	stored = caas_bytea_bytes(PG_GETARG_DATUM(2));
	caas_password_slot_take();
	status = caas_password_verify(engine, PG_GETARG_UUID_P(0)->data, password.data, password.len,
								  stored.data, stored.len, &match, &error);
	caas_password_slot_give();
	if (status != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&password);
	caas_bytes_release(&stored);
	PG_RETURN_BOOL(match != 0);
}

/* caas_password_outdated(hash text) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_password_outdated);
Datum
caas_sql_password_outdated(PG_FUNCTION_ARGS)
{
	caas_bytes stored = caas_bytea_bytes(PG_GETARG_DATUM(0));
	int		   outdated;
	caas_error error;

	if (caas_password_outdated(caas_gated_engine(), stored.data, stored.len, &caas_password_cost,
							   &outdated, &error) != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&stored);
	PG_RETURN_BOOL(outdated != 0);
}
