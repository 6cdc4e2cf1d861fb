/*
 * fn_index.c - equality search over protected columns: caas_blind_index and
 * caas_blind_candidates.
 */
#include "caas_pg.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

Datum
caas_index_datum(caas_engine *engine, int generation, const caas_bytes *context,
				 const caas_bytes *data, int length)
{
	struct varlena *index = palloc(VARHDRSZ + length);
	caas_error		error;

	SET_VARSIZE(index, VARHDRSZ + length);
	if (caas_blind_index(engine, generation, context->data, context->len, data->data, data->len,
						 (uint8_t *)VARDATA(index), (size_t)length, &error) != CAAS_OK)
		caas_raise(&error);
	return PointerGetDatum(index);
}

static int
length_argument(FunctionCallInfo fcinfo)
{
	int length = PG_GETARG_INT32(2);

	if (length < CAAS_BLIND_INDEX_MIN_BYTES || length > CAAS_BLIND_INDEX_MAX_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the length of a blind index is %d to %d bytes",
							   CAAS_BLIND_INDEX_MIN_BYTES, CAAS_BLIND_INDEX_MAX_BYTES),
						errhint("A UNIQUE index needs 16 bytes, the default; with a shorter one "
								"every hit must be rechecked."),
						caas_hide()));
	return length;
}

static Datum
blind_index(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	caas_engine *engine = caas_gated_engine();
	int			 length = length_argument(fcinfo);
	caas_bytes	 data = read_bytes(PG_GETARG_DATUM(0));
	caas_bytes	 context = caas_text_bytes(PG_GETARG_DATUM(1));
	Datum		 result = caas_index_datum(engine, 0, &context, &data, length);

	caas_bytes_release(&data);
	caas_bytes_release(&context);
	return result;
}

/* caas_blind_index(value text, context text, length integer) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_blind_index_text);
Datum
caas_sql_blind_index_text(PG_FUNCTION_ARGS)
{
	return blind_index(fcinfo, caas_text_bytes);
}

/* caas_blind_index(value bytea, context text, length integer) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_blind_index_bytea);
Datum
caas_sql_blind_index_bytea(PG_FUNCTION_ARGS)
{
	return blind_index(fcinfo, caas_bytea_bytes);
}

static Datum
blind_candidates(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	caas_engine		 *engine = caas_gated_engine();
	int				  length = length_argument(fcinfo);
	caas_bytes		  data = read_bytes(PG_GETARG_DATUM(0));
	caas_bytes		  context = caas_text_bytes(PG_GETARG_DATUM(1));
	caas_keyring_info keyring;
	Datum			 *candidates;

	caas_engine_keyring(engine, &keyring);
	candidates = palloc(sizeof(Datum) * keyring.count);
	for (int i = 0; i < keyring.count; i++)
	{
		int generation = caas_engine_generation_number(engine, i);

		candidates[i] = caas_index_datum(engine, generation, &context, &data, length);
	}
	caas_bytes_release(&data);
	caas_bytes_release(&context);
	return PointerGetDatum(
		construct_array(candidates, keyring.count, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* caas_blind_candidates(value text, context text, length integer) returns bytea[] */
PG_FUNCTION_INFO_V1(caas_sql_blind_candidates_text);
Datum
caas_sql_blind_candidates_text(PG_FUNCTION_ARGS)
{
	return blind_candidates(fcinfo, caas_text_bytes);
}

/* caas_blind_candidates(value bytea, context text, length integer) returns bytea[] */
PG_FUNCTION_INFO_V1(caas_sql_blind_candidates_bytea);
Datum
caas_sql_blind_candidates_bytea(PG_FUNCTION_ARGS)
{
	return blind_candidates(fcinfo, caas_bytea_bytes);
}
