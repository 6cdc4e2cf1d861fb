/*
 * bytes.c - an SQL value's bytes, as the formats want them: text in UTF-8.
 */
#include "caas_pg.h"

#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

static void
refuse_text(void)
{
	caas_error error = {.status = CAAS_ERR_TEXT};

	caas_raise(&error);
}

static bool
is_ascii(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)data[i] > 0x7f || data[i] == '\0')
			return false;
	return true;
}

/* The server's own conversion from its encoding, whatever the search_path. */
static Oid
conversion_to_utf8(void)
{
	static Oid conversion = InvalidOid;

	if (!OidIsValid(conversion))
		conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, GetDatabaseEncoding(), PG_UTF8);
	return conversion;
}

/* The server converts what fits an int; pieces also keep the room for the worst case small. */
#define PIECE_BYTES ((size_t)1024 * 1024)
#define PIECE_ROOM(bytes) ((bytes)*MAX_CONVERSION_GROWTH + 1)

/*
 * Replaces bytes by the same text in UTF-8. The server's own errors would print
 * bytes of it, so noError: it stops before a character that it cannot convert,
 * and before one that the end of a piece cuts.
 */
static void
convert_to_utf8(caas_bytes *bytes)
{
	Oid			   conversion = conversion_to_utf8();
	unsigned char *from = (unsigned char *)unconstify(char *, bytes->data);
	unsigned char *end = from + bytes->len;
	size_t		   room = PIECE_ROOM(Min(bytes->len, PIECE_BYTES));
	char		  *converted;
	size_t		   len = 0;

	if (!OidIsValid(conversion))
		refuse_text();
	converted = MemoryContextAllocHuge(CurrentMemoryContext, room);
	while (from < end)
	{
		size_t piece = Min((size_t)(end - from), PIECE_BYTES);
		int	   consumed;

		if (room - len < PIECE_ROOM(piece))
		{
			room = 2 * room;
			converted = repalloc_huge(converted, room);
		}
		consumed = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8, from,
												 (int)piece, (unsigned char *)converted + len,
												 (int)PIECE_ROOM(piece), true);
		if (consumed <= 0)
			refuse_text();
		from += consumed;
		len += strlen(converted + len);
	}
	caas_bytes_release(bytes);
	bytes->data = bytes->owned = converted;
	bytes->len = len;
}

/* The other way round; returns NULL when a character has no place in the database's encoding. */
static struct varlena *
convert_from_utf8(struct varlena *utf8)
{
	int	 len = (int)VARSIZE_ANY_EXHDR(utf8);
	Size room = Min((Size)len * MAX_CONVERSION_GROWTH + 1, PG_INT32_MAX);
	Oid	 conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, PG_UTF8, GetDatabaseEncoding());
	struct varlena *text;

	if (!OidIsValid(conversion))
		return NULL;
	text = MemoryContextAllocHuge(CurrentMemoryContext, VARHDRSZ + room);
	if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
									  (unsigned char *)VARDATA_ANY(utf8), len,
									  (unsigned char *)VARDATA(text), (int)room, true) != len)
		return NULL;
	SET_VARSIZE(text, VARHDRSZ + strlen(VARDATA(text)));
	return text;
}

struct varlena *
caas_text_of_utf8(struct varlena *utf8, bool quiet)
{
	int				encoding = GetDatabaseEncoding();
	struct varlena *text = utf8;

	if (caas_text_check(VARDATA_ANY(utf8), VARSIZE_ANY_EXHDR(utf8)) != CAAS_OK)
	{
		if (!quiet)
			refuse_text();
		return NULL;
	}
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII &&
		!is_ascii(VARDATA_ANY(utf8), VARSIZE_ANY_EXHDR(utf8)))
		text = convert_from_utf8(utf8);
	if (text == NULL && !quiet)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the opened text has a character that the database's encoding lacks"),
				 errhint("Open it as bytea, which is UTF-8."), caas_hide()));
	return text;
}

caas_bytes
caas_bytea_bytes(Datum value)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(value);
	caas_bytes		bytes;

	bytes.data = VARDATA_ANY(flat);
	bytes.len = VARSIZE_ANY_EXHDR(flat);
	bytes.owned = (Pointer)flat == DatumGetPointer(value) ? NULL : flat;
	return bytes;
}

caas_bytes
caas_text_bytes(Datum value)
{
	caas_bytes bytes = caas_bytea_bytes(value);
	int		   encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII && !is_ascii(bytes.data, bytes.len))
		convert_to_utf8(&bytes);
	if (caas_text_check(bytes.data, bytes.len) != CAAS_OK)
		refuse_text();
	return bytes;
}

void
caas_bytes_release(caas_bytes *bytes)
{
	if (bytes->owned != NULL)
		pfree(bytes->owned);
	bytes->owned = NULL;
}
