/*
 * fn_check.c - caas_check_sealed: what is wrong with a sealed value, without its plaintext.
 */
#include "caas_pg.h"

#include "utils/builtins.h"

/* The things that the value is checked against. */
typedef struct caas_expected
{
	caas_bytes		   context;
	bool			   has_index; /* the row has a column for the blind index */
	caas_bytes		   index;	  /* data is NULL for a null */
	caas_normalization normalization;
} caas_expected;

/* True when the index is that of the text under an index key of the keyring. */
static bool
is_index_of(caas_engine *engine, const caas_expected *expected, const caas_bytes *text)
{
	uint8_t	   index[CAAS_BLIND_INDEX_MAX_BYTES];
	caas_error error;
	int		   generation;

	if (expected->index.len < CAAS_BLIND_INDEX_MIN_BYTES ||
		expected->index.len > CAAS_BLIND_INDEX_MAX_BYTES)
		return false;
	for (int i = 0;; i++)
	{
		if (caas_engine_index_generation(engine, i, &generation, &error) != CAAS_OK)
			caas_raise(&error);
		if (generation == 0)
			return false;
		if (caas_blind_index(engine, generation, expected->context.data, expected->context.len,
							 text->data, text->len, index, expected->index.len, &error) != CAAS_OK)
			caas_raise(&error);
		if (memcmp(index, expected->index.data, expected->index.len) == 0)
			return true;
	}
}

static bool
index_fits(caas_engine *engine, const caas_expected *expected, const caas_bytes *plaintext)
{
	caas_bytes normalized;
	bool	   fits;

	if (expected->normalization == CAAS_NORMALIZE_NONE)
		return expected->index.data != NULL && is_index_of(engine, expected, plaintext);
	normalized = caas_normalized_bytes(expected->normalization, plaintext);
	if (normalized.len == 0)
		fits = expected->index.data == NULL;
	else
		fits = expected->index.data != NULL && is_index_of(engine, expected, &normalized);
	caas_normalized_release(&normalized);
	return fits;
}

/* Opens the value and cleanses the plaintext, also when an error is raised. */
static const char *
find_fault(caas_engine *engine, const pg_uuid_t *uuid, const caas_bytes *sealed,
		   const caas_expected *expected)
{
	uint8_t			*room = palloc(sealed->len + 1);
	caas_bytes		 plaintext = {.data = (const char *)room};
	caas_sealed_info info;
	caas_error		 error;
	volatile bool	 fits = true;

	if (caas_sealed_describe(sealed->data, sealed->len, &info) != CAAS_OK)
		return "wrong shape";
	if (uuid == NULL ||
		caas_open(engine, uuid->data, expected->context.data, expected->context.len, sealed->data,
				  sealed->len, room, &plaintext.len, &error) != CAAS_OK)
		return "unopenable";
	PG_TRY();
	{
		fits = !expected->has_index || index_fits(engine, expected, &plaintext);
	}
	PG_CATCH();
	{
		caas_cleanse(room, plaintext.len);
		PG_RE_THROW();
	}
	PG_END_TRY();
	caas_cleanse(room, plaintext.len);
	pfree(room);
	return fits ? "right" : "wrong index";
}

static caas_expected
expected_argument(FunctionCallInfo fcinfo)
{
	caas_expected expected = {.context = caas_text_bytes(PG_GETARG_DATUM(2))};

	expected.has_index = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	if (!PG_ARGISNULL(4))
		expected.index = caas_bytea_bytes(PG_GETARG_DATUM(4));
	if (!PG_ARGISNULL(5))
	{
		char *name = text_to_cstring(PG_GETARG_TEXT_PP(5));

		if (!caas_normalization_parse(name, strlen(name), &expected.normalization))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("there is no such normalization"),
							errhint("Name one of 'none', 'casefold' and 'digits'."), caas_hide()));
	}
	return expected;
}

/* caas_check_sealed(uuid, sealed bytea, context text, has_index boolean, index bytea, normalization
 * text) returns text */
PG_FUNCTION_INFO_V1(caas_sql_check_sealed);
Datum
caas_sql_check_sealed(PG_FUNCTION_ARGS)
{
	caas_engine		*engine = caas_gated_engine();
	const pg_uuid_t *uuid = PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0);
	caas_expected	 expected;
	caas_bytes		 sealed;
	const char		*fault;

	if (PG_ARGISNULL(2) || (PG_ARGISNULL(1) && PG_ARGISNULL(4)))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(CStringGetTextDatum("wrong index"));
	expected = expected_argument(fcinfo);
	sealed = caas_bytea_bytes(PG_GETARG_DATUM(1));
	fault = find_fault(engine, uuid, &sealed, &expected);
	caas_bytes_release(&sealed);
	caas_bytes_release(&expected.context);
	caas_bytes_release(&expected.index);
	PG_RETURN_DATUM(CStringGetTextDatum(fault));
}
