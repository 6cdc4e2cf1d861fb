/*
 * fn_shape.c - caas_is_digest and caas_is_sealed: tests of shape, which need no key.
 */
#include "caas_pg.h"

static bool
is_digest(Datum value, caas_form form)
{
	caas_bytes bytes = caas_bytea_bytes(value);
	bool	   result = caas_digest_size(bytes.data, bytes.len, form) != 0;

	caas_bytes_release(&bytes);
	return result;
}

/* caas_is_digest(text) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_is_digest_text);
Datum
caas_sql_is_digest_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_digest(PG_GETARG_DATUM(0), CAAS_FORM_HEX));
}

/* caas_is_digest(bytea) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_is_digest_bytea);
Datum
caas_sql_is_digest_bytea(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_digest(PG_GETARG_DATUM(0), CAAS_FORM_RAW));
}

/* caas_is_sealed(bytea) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_is_sealed);
Datum
caas_sql_is_sealed(PG_FUNCTION_ARGS)
{
	caas_bytes		 bytes = caas_bytea_bytes(PG_GETARG_DATUM(0));
	caas_sealed_info info;
	bool			 result = caas_sealed_describe(bytes.data, bytes.len, &info) == CAAS_OK;

	caas_bytes_release(&bytes);
	PG_RETURN_BOOL(result);
}
