/*
 * fn_uuid.c - the UUIDs of users whose ids are not UUIDs: caas_uuid. It needs no
 * key.
 */
#include "caas_pg.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define INTEGER_DIGITS 24 /* room for the decimal digits of a bigint, its sign and a terminator */

bool
caas_uuid_takes(Oid type, Oid collation)
{
	switch (type)
	{
	case INT2OID:
	case INT4OID:
	case INT8OID:
		return true;
	case TEXTOID:
	case VARCHAROID:
		return !OidIsValid(collation) || get_collation_isdeterministic(collation);
	default:
		return false;
	}
}

static void
make_uuid(const caas_bytes *name_space, const char *id, size_t id_len, pg_uuid_t *uuid)
{
	caas_error error;

	if (caas_user_uuid(name_space->data, name_space->len, id, id_len, uuid->data, &error) !=
		CAAS_OK)
		caas_raise(&error);
}

static void
uuid_of_integer(const caas_bytes *name_space, int64 id, pg_uuid_t *uuid)
{
	char digits[INTEGER_DIGITS];

	make_uuid(name_space, digits, pg_lltoa(id, digits), uuid);
}

static void
uuid_of_text(const caas_bytes *name_space, Datum id, pg_uuid_t *uuid)
{
	caas_bytes text = caas_text_bytes(id);

	make_uuid(name_space, text.data, text.len, uuid);
	caas_bytes_release(&text);
}

void
caas_uuid_of_id(const caas_bytes *name_space, Oid type, Datum id, pg_uuid_t *uuid)
{
	switch (type)
	{
	case INT2OID:
		uuid_of_integer(name_space, DatumGetInt16(id), uuid);
		break;
	case INT4OID:
		uuid_of_integer(name_space, DatumGetInt32(id), uuid);
		break;
	case INT8OID:
		uuid_of_integer(name_space, DatumGetInt64(id), uuid);
		break;
	default:
		uuid_of_text(name_space, id, uuid);
		break;
	}
}

static Datum
uuid_of_arguments(FunctionCallInfo fcinfo, Oid type)
{
	caas_bytes name_space = caas_text_bytes(PG_GETARG_DATUM(0));
	pg_uuid_t *uuid = palloc(sizeof *uuid);

	caas_uuid_of_id(&name_space, type, PG_GETARG_DATUM(1), uuid);
	caas_bytes_release(&name_space);
	PG_RETURN_UUID_P(uuid);
}

/* caas_uuid(namespace text, id bigint) returns uuid */
PG_FUNCTION_INFO_V1(caas_sql_uuid_bigint);
Datum
caas_sql_uuid_bigint(PG_FUNCTION_ARGS)
{
	return uuid_of_arguments(fcinfo, INT8OID);
}

/* caas_uuid(namespace text, id text) returns uuid */
PG_FUNCTION_INFO_V1(caas_sql_uuid_text);
Datum
caas_sql_uuid_text(PG_FUNCTION_ARGS)
{
	return uuid_of_arguments(fcinfo, TEXTOID);
}
