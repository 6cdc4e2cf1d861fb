/*
 * trigger_types.c - the types of the columns that a row trigger reads and writes.
 *
 * A value is protected as its text. Its text must be the same whoever writes it
 * and whenever, so it is that of the type's output function under fixed settings:
 * DateStyle = ISO, IntervalStyle = postgres, TimeZone = UTC, extra_float_digits
 * = 1, bytea_output = hex; a boolean is true or false.
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* ---- which types are allowed ---- */

typedef enum text_of_type
{
	TEXT_UNKNOWN,	 /* not known to be stable */
	TEXT_AMBIGUOUS,	 /* stable, but equal values can have different texts */
	TEXT_CHANGEABLE, /* an enum: a label can be renamed */
	TEXT_UNIQUE		 /* stable, and equal values have equal texts */
} text_of_type;

static const struct
{
	Oid			 type;
	text_of_type text;
} known_types[] = {
	{BOOLOID, TEXT_UNIQUE},		   {INT2OID, TEXT_UNIQUE},		 {INT4OID, TEXT_UNIQUE},
	{INT8OID, TEXT_UNIQUE},		   {UUIDOID, TEXT_UNIQUE},		 {DATEOID, TEXT_UNIQUE},
	{TIMEOID, TEXT_UNIQUE},		   {TIMETZOID, TEXT_UNIQUE},	 {TIMESTAMPOID, TEXT_UNIQUE},
	{TIMESTAMPTZOID, TEXT_UNIQUE}, {INETOID, TEXT_UNIQUE},		 {CIDROID, TEXT_UNIQUE},
	{MACADDROID, TEXT_UNIQUE},	   {MACADDR8OID, TEXT_UNIQUE},	 {BITOID, TEXT_UNIQUE},
	{VARBITOID, TEXT_UNIQUE},	   {BYTEAOID, TEXT_UNIQUE},		 {TEXTOID, TEXT_UNIQUE},
	{VARCHAROID, TEXT_UNIQUE},	   {BPCHAROID, TEXT_AMBIGUOUS},	 {FLOAT4OID, TEXT_AMBIGUOUS},
	{FLOAT8OID, TEXT_AMBIGUOUS},   {NUMERICOID, TEXT_AMBIGUOUS}, {INTERVALOID, TEXT_AMBIGUOUS},
	{JSONOID, TEXT_AMBIGUOUS},	   {JSONBOID, TEXT_AMBIGUOUS},	 {POINTOID, TEXT_AMBIGUOUS},
};

/* True for a type of an extension, such as citext, whose equality is not that of text. */
static bool
is_text_like(Oid base)
{
	return base != TEXTOID && base != VARCHAROID && base != BPCHAROID &&
		   IsBinaryCoercible(base, TEXTOID);
}

/* Arrays and ranges are as their elements; equal arrays of equal elements have equal texts. */
static text_of_type
text_of(Oid type)
{
	Oid	 base = getBaseType(type);
	Oid	 element = get_base_element_type(base);
	char kind = get_typtype(base);

	for (size_t i = 0; i < lengthof(known_types); i++)
		if (known_types[i].type == base)
			return known_types[i].text;
	if (OidIsValid(element))
		return is_text_like(getBaseType(element)) ? TEXT_AMBIGUOUS : text_of(element);
	if (kind == TYPTYPE_ENUM)
		return TEXT_CHANGEABLE;
	if (kind == TYPTYPE_RANGE)
		return text_of(get_range_subtype(base));
	if (kind == TYPTYPE_MULTIRANGE)
		return text_of(get_multirange_range(base));
	return IsBinaryCoercible(base, TEXTOID) ? TEXT_UNIQUE : TEXT_UNKNOWN;
}

static void
refuse_type(const caas_opening *opening, Form_pg_attribute column, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of relation \"%s\" has type %s", NameStr(column->attname),
					RelationGetRelationName(opening->relation), format_type_be(column->atttypid)),
			 errhint("%s", hint), caas_hide()));
}

static bool
is_deterministic(Form_pg_attribute column)
{
	return !OidIsValid(column->attcollation) || get_collation_isdeterministic(column->attcollation);
}

static caas_value_kind
kind_of_value(Oid base)
{
	if (base == BYTEAOID)
		return CAAS_VALUE_BYTEA;
	if (base == BOOLOID)
		return CAAS_VALUE_BOOLEAN;
	return base != BPCHAROID && IsBinaryCoercible(base, TEXTOID) ? CAAS_VALUE_TEXT
																 : CAAS_VALUE_OUTPUT;
}

static void
check_id(const caas_opening *opening, Form_pg_attribute column, Oid base, caas_part part)
{
	if (part == CAAS_PART_ID && base != UUIDOID)
		refuse_type(opening, column,
					"The first argument of the trigger names a uuid column, or an integer or text "
					"column and a namespace: 'id@users'.");
	if (part == CAAS_PART_ID_NAME && base == UUIDOID)
		refuse_type(opening, column, "A uuid takes no namespace.");
	if (part == CAAS_PART_ID_NAME && !caas_uuid_takes(base, column->attcollation))
		refuse_type(opening, column,
					"With a namespace the id is smallint, integer, bigint, text or varchar; its "
					"collation is deterministic.");
}

static void
check_source(const caas_opening *opening, Form_pg_attribute column, Oid base, caas_part part)
{
	text_of_type text = text_of(column->atttypid);

	if (text == TEXT_UNKNOWN)
		refuse_type(opening, column,
					"The text of a value of this type is not known to stay the same. Store it as "
					"text or bytea.");
	if (text == TEXT_AMBIGUOUS && part != CAAS_PART_SEALED)
		refuse_type(opening, column,
					"Equal values of this type can have different texts, so they have no digest "
					"and no blind index. Seal the value without an index, or store it as text.");
	if (part == CAAS_PART_NORMALIZED && kind_of_value(base) != CAAS_VALUE_TEXT)
		refuse_type(opening, column, "The option normalize is for text.");
	if (part == CAAS_PART_INDEXED && (is_text_like(base) || !is_deterministic(column)))
		refuse_type(opening, column,
					"Values of this type or collation can be equal although their bytes differ. "
					"Name a normalization for the blind index: \"normalize=casefold\".");
	if (text == TEXT_CHANGEABLE && opening->is_creation)
		ereport(WARNING,
				(errmsg("column \"%s\" of relation \"%s\" is an enum", NameStr(column->attname),
						RelationGetRelationName(opening->relation)),
				 errdetail("After ALTER TYPE .. RENAME VALUE the text of a protected "
						   "value is no longer one of the type."),
				 errhint("Store the value as text where its labels can be renamed."), caas_hide()));
}

static void
check_digest(const caas_opening *opening, Form_pg_attribute column, Oid base)
{
	if (base == BPCHAROID)
		refuse_type(opening, column,
					"character(n) pads values with blanks. Use text, varchar, citext or bytea.");
	if (base != BYTEAOID && !IsBinaryCoercible(base, TEXTOID))
		refuse_type(opening, column,
					"A digest is stored as text, varchar, citext, bytea or a domain over these.");
}

static void
check_type(const caas_opening *opening, Form_pg_attribute column, Oid base, caas_part part)
{
	switch (part)
	{
	case CAAS_PART_ID:
	case CAAS_PART_ID_NAME:
		check_id(opening, column, base, part);
		break;
	case CAAS_PART_DIGESTED:
	case CAAS_PART_SEALED:
	case CAAS_PART_INDEXED:
	case CAAS_PART_NORMALIZED:
		check_source(opening, column, base, part);
		break;
	case CAAS_PART_DIGEST:
		check_digest(opening, column, base);
		break;
	case CAAS_PART_GENERATION:
		if (base != INT4OID)
			refuse_type(opening, column, "The generation of a digest is stored as integer.");
		break;
	case CAAS_PART_SEALED_VALUE:
		if (base != BYTEAOID)
			refuse_type(
				opening, column,
				"Sealed values and blind indexes are stored as bytea or a domain over bytea.");
		break;
	}
}

caas_attribute
caas_open_attribute(const caas_opening *opening, AttrNumber number, caas_part part)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(opening->relation), number - 1);
	int32			  typmod = column->atttypmod;
	Oid				  base = getBaseTypeAndTypmod(column->atttypid, &typmod);
	caas_attribute	  attribute = {.number = number,
								   .kind = kind_of_value(base),
								   .by_value = column->attbyval,
								   .length = column->attlen};
	Oid				  output;
	bool			  is_varlena;

	check_type(opening, column, base, part);
	if (column->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("column \"%s\" of relation \"%s\" is a generated column",
						NameStr(column->attname), RelationGetRelationName(opening->relation)),
				 errhint("The server computes it after this trigger. Name a plain column."),
				 caas_hide()));
	attribute.limit = base == VARCHAROID && typmod >= VARHDRSZ ? typmod - VARHDRSZ : -1;
	if (base != column->atttypid)
		attribute.domain = column->atttypid;
	if (attribute.kind == CAAS_VALUE_OUTPUT)
	{
		getTypeOutputInfo(base, &output, &is_varlena);
		fmgr_info(output, &attribute.output);
	}
	return attribute;
}

/* ---- values ---- */

/*
 * Calls the output function under the fixed settings. Assigning the variables is
 * much cheaper than setting the configuration parameters for each row.
 */
static char *
fixed_text(FmgrInfo *output, Datum value)
{
	int	   date_style = DateStyle;
	int	   interval_style = IntervalStyle;
	int	   float_digits = extra_float_digits;
	int	   bytea_style = bytea_output;
	pg_tz *zone = session_timezone;
	char  *text;

	PG_TRY();
	{
		DateStyle = USE_ISO_DATES;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
		bytea_output = BYTEA_OUTPUT_HEX;
		session_timezone = pg_tzset("UTC");
		text = OutputFunctionCall(output, value);
	}
	PG_FINALLY();
	{
		DateStyle = date_style;
		IntervalStyle = interval_style;
		extra_float_digits = float_digits;
		bytea_output = bytea_style;
		session_timezone = zone;
	}
	PG_END_TRY();
	return text;
}

/* Frees the text, of which the result may be a part. */
static caas_bytes
bytes_of_cstring(char *text)
{
	struct varlena *value = (struct varlena *)cstring_to_text(text);
	caas_bytes		bytes = caas_text_bytes(PointerGetDatum(value));

	caas_cleanse(text, strlen(text));
	pfree(text);
	if (bytes.owned == NULL)
		bytes.owned = value;
	return bytes;
}

caas_bytes
caas_attribute_bytes(caas_attribute *attribute, Datum value)
{
	switch (attribute->kind)
	{
	case CAAS_VALUE_TEXT:
		return caas_text_bytes(value);
	case CAAS_VALUE_BYTEA:
		return caas_bytea_bytes(value);
	case CAAS_VALUE_BOOLEAN:
		return bytes_of_cstring(pstrdup(DatumGetBool(value) ? "true" : "false"));
	case CAAS_VALUE_OUTPUT:
		break;
	}
	return bytes_of_cstring(fixed_text(&attribute->output, value));
}

bool
caas_same_image(const caas_attribute *attribute, Datum a, Datum b)
{
	Size size;

	if (attribute->length != -1)
		return datum_image_eq(a, b, attribute->by_value, attribute->length);
	/* Two equal TOAST pointers name the same value: it need not be fetched. */
	size = VARSIZE_ANY(DatumGetPointer(a));
	if (size == VARSIZE_ANY(DatumGetPointer(b)) &&
		memcmp(DatumGetPointer(a), DatumGetPointer(b), size) == 0)
		return true;
	return datum_image_eq(a, b, false, -1);
}
