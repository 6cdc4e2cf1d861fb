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

/* Returns the fourth argument of the forms that name a normalisation; else none. */
static caas_normalization
normalization_argument(FunctionCallInfo fcinfo)
{
	caas_normalization normalization = CAAS_NORMALIZE_NONE;
	caas_bytes		   name;
	bool			   known;

	if (PG_NARGS() <= 3)
		return normalization;
	name = caas_bytea_bytes(PG_GETARG_DATUM(3));
	known = caas_normalization_parse(name.data, name.len, &normalization) != 0;
	caas_bytes_release(&name);
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no such normalization"),
				 errhint("Name one of 'none', 'casefold' and 'digits'."), caas_hide()));
	return normalization;
}

caas_bytes
caas_normalized_bytes(caas_normalization normalization, const caas_bytes *text)
{
	size_t		room = text->len; /* enough for most texts */
	caas_bytes	normalized = {.owned = MemoryContextAllocHuge(CurrentMemoryContext, room + 1)};
	caas_error	error;
	caas_status status = caas_normalize(normalization, text->data, text->len, normalized.owned,
										room, &normalized.len, &error);

	if (status == CAAS_ERR_OUTPUT_SIZE)
	{
		room = normalized.len;
		pfree(normalized.owned);
		normalized.owned = MemoryContextAllocHuge(CurrentMemoryContext, room);
		status = caas_normalize(normalization, text->data, text->len, normalized.owned, room,
								&normalized.len, &error);
	}
	if (status != CAAS_OK)
		caas_raise(&error);
	normalized.data = normalized.owned;
	return normalized;
}

void
caas_normalized_release(caas_bytes *normalized)
{
	caas_cleanse(normalized->owned, normalized->len);
	caas_bytes_release(normalized);
}

/* The arguments of the functions below. */
typedef struct index_arguments
{
	int		   length;
	caas_bytes data; /* normalised when the call asks for that */
	caas_bytes context;
	bool	   normalized;
	bool	   nothing_remains;
} index_arguments;

static index_arguments
read_arguments(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	index_arguments	   arguments = {.length = length_argument(fcinfo)};
	caas_normalization normalization = normalization_argument(fcinfo);

	arguments.data = read_bytes(PG_GETARG_DATUM(0));
	arguments.context = caas_text_bytes(PG_GETARG_DATUM(1));
	if (normalization != CAAS_NORMALIZE_NONE)
	{
		caas_bytes text = arguments.data;

		arguments.data = caas_normalized_bytes(normalization, &text);
		arguments.normalized = true;
		arguments.nothing_remains = arguments.data.len == 0;
		caas_bytes_release(&text);
	}
	return arguments;
}

static void
release_arguments(index_arguments *arguments)
{
	if (arguments->normalized)
		caas_normalized_release(&arguments->data);
	else
		caas_bytes_release(&arguments->data);
	caas_bytes_release(&arguments->context);
}

static Datum
blind_index(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	caas_engine	   *engine = caas_gated_engine();
	index_arguments arguments = read_arguments(fcinfo, read_bytes);
	Datum			result = (Datum)0;

	fcinfo->isnull = arguments.nothing_remains;
	if (!arguments.nothing_remains)
		result = caas_index_datum(engine, 0, &arguments.context, &arguments.data, arguments.length);
	release_arguments(&arguments);
	return result;
}

/* caas_blind_index(value text, context text, length integer [, normalization text]) returns bytea
 */
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

/* Returns a generation of the index-th distinct index key, or 0 when there are no more. */
static int
index_generation(caas_engine *engine, int index)
{
	int		   generation;
	caas_error error;

	if (caas_engine_index_generation(engine, index, &generation, &error) != CAAS_OK)
		caas_raise(&error);
	return generation;
}

static Datum
blind_candidates(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	caas_engine		 *engine = caas_gated_engine();
	index_arguments	  arguments = read_arguments(fcinfo, read_bytes);
	caas_keyring_info keyring;
	int				  count = 0;
	int				  generation;
	Datum			 *candidates;

	caas_engine_keyring(engine, &keyring);
	candidates = palloc(sizeof(Datum) * keyring.count); /* generations may share an index key */
	while (!arguments.nothing_remains && (generation = index_generation(engine, count)) != 0)
		candidates[count++] = caas_index_datum(engine, generation, &arguments.context,
											   &arguments.data, arguments.length);
	release_arguments(&arguments);
	return PointerGetDatum(construct_array(candidates, count, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* caas_blind_candidates(value text, context text, length integer [, normalization text]) returns
 * bytea[] */
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
