/*
 * fn_sealed.c - sealed values, which can be opened again: caas_seal, caas_open,
 * caas_try_open, caas_reseal, caas_sealed_info and caas_generation.
 */
#include "caas_pg.h"

#include "rows.h"

Datum
caas_seal_datum(caas_engine *engine, const pg_uuid_t *uuid, const caas_bytes *context,
				const caas_bytes *data)
{
	struct varlena *sealed;
	caas_error		error;

	if (data->len > MaxAllocSize - VARHDRSZ - CAAS_SEALED_OVERHEAD)
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the value is too long to be sealed"),
			 errdetail("A sealed value is %d bytes longer than its plaintext, and 1 GB at most.",
					   CAAS_SEALED_OVERHEAD),
			 errhint("Store large values in parts, or outside the database."), caas_hide()));
	sealed = palloc(VARHDRSZ + data->len + CAAS_SEALED_OVERHEAD);
	SET_VARSIZE(sealed, VARHDRSZ + data->len + CAAS_SEALED_OVERHEAD);
	if (caas_seal(engine, uuid->data, context->data, context->len, data->data, data->len,
				  (uint8_t *)VARDATA(sealed), &error) != CAAS_OK)
		caas_raise(&error);
	return PointerGetDatum(sealed);
}

static Datum
seal(FunctionCallInfo fcinfo, caas_bytes (*read_bytes)(Datum))
{
	caas_engine *engine = caas_gated_engine();
	caas_bytes	 data = read_bytes(PG_GETARG_DATUM(1));
	caas_bytes	 context = caas_text_bytes(PG_GETARG_DATUM(2));
	Datum		 result = caas_seal_datum(engine, PG_GETARG_UUID_P(0), &context, &data);

	caas_bytes_release(&data);
	caas_bytes_release(&context);
	return result;
}

/* caas_seal(uuid, text, context text) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_seal_text);
Datum
caas_sql_seal_text(PG_FUNCTION_ARGS)
{
	return seal(fcinfo, caas_text_bytes);
}

/* caas_seal(uuid, bytea, context text) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_seal_bytea);
Datum
caas_sql_seal_bytea(PG_FUNCTION_ARGS)
{
	return seal(fcinfo, caas_bytea_bytes);
}

/*
 * Opens the second argument into a bytea; returns NULL and fills error when it
 * cannot be opened. function is the SQL function's name, for messages.
 */
static struct varlena *
open_argument(FunctionCallInfo fcinfo, const char *function, caas_error *error)
{
	caas_engine	   *engine;
	caas_bytes		sealed;
	caas_bytes		context;
	struct varlena *plaintext;
	size_t			len;
	caas_status		status;

	caas_refuse_restricted(function);
	engine = caas_gated_engine();
	sealed = caas_bytea_bytes(PG_GETARG_DATUM(1));
	context = caas_text_bytes(PG_GETARG_DATUM(2));
	plaintext = palloc(VARHDRSZ + sealed.len);
	status = caas_open(engine, PG_GETARG_UUID_P(0)->data, context.data, context.len, sealed.data,
					   sealed.len, (uint8_t *)VARDATA(plaintext), &len, error);
	caas_bytes_release(&sealed);
	caas_bytes_release(&context);
	if (status != CAAS_OK)
		return NULL;
	SET_VARSIZE(plaintext, VARHDRSZ + len);
	return plaintext;
}

/* caas_open_bytea(uuid, bytea, context text) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_open_bytea);
Datum
caas_sql_open_bytea(PG_FUNCTION_ARGS)
{
	caas_error		error;
	struct varlena *plaintext = open_argument(fcinfo, "caas_open_bytea", &error);

	if (plaintext == NULL)
		caas_raise(&error);
	PG_RETURN_POINTER(plaintext);
}

/* caas_open(uuid, bytea, context text) returns text */
PG_FUNCTION_INFO_V1(caas_sql_open_text);
Datum
caas_sql_open_text(PG_FUNCTION_ARGS)
{
	caas_error		error;
	struct varlena *plaintext = open_argument(fcinfo, "caas_open", &error);

	if (plaintext == NULL)
		caas_raise(&error);
	PG_RETURN_POINTER(caas_text_of_utf8(plaintext, false));
}

/* Tells whether the error is about the value: then the caas_try_.. functions return NULL. */
static bool
is_value_error(const caas_error *error)
{
	return error->status == CAAS_ERR_MALFORMED || error->status == CAAS_ERR_UNKNOWN_GENERATION ||
		   error->status == CAAS_ERR_CANNOT_OPEN;
}

/* caas_try_open_bytea(uuid, bytea, context text) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_try_open_bytea);
Datum
caas_sql_try_open_bytea(PG_FUNCTION_ARGS)
{
	caas_error		error;
	struct varlena *plaintext = open_argument(fcinfo, "caas_try_open_bytea", &error);

	if (plaintext == NULL && !is_value_error(&error))
		caas_raise(&error);
	if (plaintext == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(plaintext);
}

/* caas_try_open(uuid, bytea, context text) returns text */
PG_FUNCTION_INFO_V1(caas_sql_try_open_text);
Datum
caas_sql_try_open_text(PG_FUNCTION_ARGS)
{
	caas_error		error;
	struct varlena *plaintext = open_argument(fcinfo, "caas_try_open", &error);

	if (plaintext == NULL && !is_value_error(&error))
		caas_raise(&error);
	if (plaintext != NULL)
		plaintext = caas_text_of_utf8(plaintext, true);
	if (plaintext == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(plaintext);
}

/* caas_reseal(uuid, bytea, context text [, generation integer]) returns bytea */
PG_FUNCTION_INFO_V1(caas_sql_reseal);
Datum
caas_sql_reseal(PG_FUNCTION_ARGS)
{
	caas_engine	   *engine = caas_gated_engine();
	int				generation = PG_NARGS() > 3 ? PG_GETARG_INT32(3) : 0;
	caas_bytes		sealed = caas_bytea_bytes(PG_GETARG_DATUM(1));
	caas_bytes		context = caas_text_bytes(PG_GETARG_DATUM(2));
	struct varlena *result = palloc(VARHDRSZ + sealed.len);
	caas_error		error = {.status = CAAS_ERR_NOT_ACTIVE};

	/* For the core, 0 means the active generation. */
	if (PG_NARGS() > 3 && generation == 0)
		caas_raise(&error);
	SET_VARSIZE(result, VARHDRSZ + sealed.len);
	if (caas_reseal(engine, PG_GETARG_UUID_P(0)->data, generation, context.data, context.len,
					sealed.data, sealed.len, (uint8_t *)VARDATA(result), &error) != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&sealed);
	caas_bytes_release(&context);
	PG_RETURN_POINTER(result);
}

static caas_sealed_info
describe(Datum value)
{
	caas_bytes		 sealed = caas_bytea_bytes(value);
	caas_sealed_info info;
	caas_error		 error = {.status = CAAS_ERR_MALFORMED};

	if (caas_sealed_describe(sealed.data, sealed.len, &info) != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&sealed);
	return info;
}

/* caas_sealed_info(bytea) returns record: format, generation, data_length */
PG_FUNCTION_INFO_V1(caas_sql_sealed_info);
Datum
caas_sql_sealed_info(PG_FUNCTION_ARGS)
{
	caas_row		 row = caas_row_begin(fcinfo);
	caas_sealed_info info = describe(PG_GETARG_DATUM(0));

	caas_row_add(&row, Int32GetDatum(info.format), false);
	caas_row_add(&row, Int32GetDatum(info.generation), false);
	caas_row_add(&row, Int32GetDatum((int32)info.data_len), false);
	PG_RETURN_DATUM(caas_row_finish(&row));
}

/* caas_generation(bytea) returns integer; detoasts only the head of the value */
PG_FUNCTION_INFO_V1(caas_sql_generation);
Datum
caas_sql_generation(PG_FUNCTION_ARGS)
{
	struct varlena	*head = PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, CAAS_SEALED_OVERHEAD);
	caas_sealed_info info;
	caas_error		 error = {.status = CAAS_ERR_MALFORMED};

	if (caas_sealed_describe(VARDATA_ANY(head), VARSIZE_ANY_EXHDR(head), &info) != CAAS_OK)
		caas_raise(&error);
	if ((Pointer)head != DatumGetPointer(PG_GETARG_DATUM(0)))
		pfree(head);
	PG_RETURN_INT32(info.generation);
}
