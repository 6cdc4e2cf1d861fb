/*
 * fn_digest.c - caas_encrypt, caas_verify and caas_verified_by.
 */
#include "caas_pg.h"

/* The type of the argument, and so of the digest: text and hex, or bytea. */
typedef enum argument_type
{
	TEXT_ARGUMENT,
	BYTEA_ARGUMENT
} argument_type;

static caas_bytes
argument_bytes(Datum value, argument_type type)
{
	return type == TEXT_ARGUMENT ? caas_text_bytes(value) : caas_bytea_bytes(value);
}

Datum
caas_digest_datum(caas_engine *engine, const pg_uuid_t *uuid, int generation,
				  const caas_bytes *data, bool as_text)
{
	uint8_t			digest[CAAS_DIGEST_MAX_BYTES];
	size_t			len;
	size_t			size;
	struct varlena *result;
	caas_error		error;

	if (caas_digest(engine, uuid->data, generation, data->data, data->len, digest, &len, &error) !=
		CAAS_OK)
		caas_raise(&error);
	size = VARHDRSZ + (as_text ? 2 * len : len);
	result = palloc(size);
	SET_VARSIZE(result, size);
	if (as_text)
		caas_hex_encode(digest, len, VARDATA(result));
	else
		memcpy(VARDATA(result), digest, len);
	return PointerGetDatum(result);
}

/* Returns the third argument of the forms that name a generation; else 0, which means the active
 * one. */
static int
generation_argument(FunctionCallInfo fcinfo)
{
	int		   generation = PG_NARGS() > 2 ? PG_GETARG_INT32(2) : 0;
	caas_error error = {.status = CAAS_ERR_UNKNOWN_GENERATION};

	if (PG_NARGS() > 2 && generation < 1)
		caas_raise(&error);
	return generation;
}

static Datum
encrypt(FunctionCallInfo fcinfo, argument_type type)
{
	caas_engine *engine = caas_gated_engine();
	int			 generation = generation_argument(fcinfo);
	caas_bytes	 data = argument_bytes(PG_GETARG_DATUM(1), type);
	Datum		 result =
		caas_digest_datum(engine, PG_GETARG_UUID_P(0), generation, &data, type == TEXT_ARGUMENT);

	caas_bytes_release(&data);
	return result;
}

/* caas_encrypt(uuid, text [, generation integer]) returns text */
PG_FUNCTION_INFO_V1(caas_sql_encrypt_text);
Datum
caas_sql_encrypt_text(PG_FUNCTION_ARGS)
{
	return encrypt(fcinfo, TEXT_ARGUMENT);
}

/* caas_encrypt(uuid, bytea [, generation integer]) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_encrypt_bytea);
Datum
caas_sql_encrypt_bytea(PG_FUNCTION_ARGS)
{
	return encrypt(fcinfo, BYTEA_ARGUMENT);
}

/* Returns the generation under which the value has the stored digest, or 0. */
static int
verified_by(FunctionCallInfo fcinfo, argument_type type)
{
	caas_engine *engine = caas_gated_engine();
	caas_bytes	 data = argument_bytes(PG_GETARG_DATUM(1), type);
	caas_bytes	 stored = caas_bytea_bytes(PG_GETARG_DATUM(2));
	int			 generation;
	caas_error	 error;

	if (caas_verify(engine, PG_GETARG_UUID_P(0)->data, data.data, data.len, stored.data, stored.len,
					type == TEXT_ARGUMENT ? CAAS_FORM_HEX : CAAS_FORM_RAW, &generation,
					&error) != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&data);
	caas_bytes_release(&stored);
	return generation;
}

/* caas_verify(uuid, text, text) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_verify_text);
Datum
caas_sql_verify_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(verified_by(fcinfo, TEXT_ARGUMENT) != 0);
}

/* caas_verify(uuid, bytea, bytea) returns boolean */
PG_FUNCTION_INFO_V1(caas_sql_verify_bytea);
Datum
caas_sql_verify_bytea(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(verified_by(fcinfo, BYTEA_ARGUMENT) != 0);
}

static Datum
generation_or_null(FunctionCallInfo fcinfo, int generation)
{
	if (generation == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(generation);
}

/* caas_verified_by(uuid, text, text) returns integer */
PG_FUNCTION_INFO_V1(caas_sql_verified_by_text);
Datum
caas_sql_verified_by_text(PG_FUNCTION_ARGS)
{
	return generation_or_null(fcinfo, verified_by(fcinfo, TEXT_ARGUMENT));
}

/* caas_verified_by(uuid, bytea, bytea) returns integer */
PG_FUNCTION_INFO_V1(caas_sql_verified_by_bytea);
Datum
caas_sql_verified_by_bytea(PG_FUNCTION_ARGS)
{
	return generation_or_null(fcinfo, verified_by(fcinfo, BYTEA_ARGUMENT));
}
