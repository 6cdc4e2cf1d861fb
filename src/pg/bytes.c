/*
 * bytes.c - converts SQL values to the bytes that the formats use, and back: text is UTF-8.
 */
#include "caas_pg.h"

#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

static void
refuse_text(const char *hint)
{
	caas_error error = {.status = CAAS_ERR_TEXT};

	caas_raise_with_hint(&error, hint);
}

static bool
is_ascii(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)data[i] > 0x7f || data[i] == '\0')
			return false;
	return true;
}

/* Finds the server's own conversion between its encoding and UTF-8, independent of search_path. */
static Oid
find_conversion(int source, int target)
{
	static Oid conversions[2]; /* to UTF-8, and from it */
	Oid		  *conversion = &conversions[target == PG_UTF8 ? 0 : 1];

	if (!OidIsValid(*conversion))
		*conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, source, target);
	return *conversion;
}

/* A conversion takes an int as length, so a long text is converted in pieces. Short pieces also
 * keep the memory for the worst case small. */
#define PIECE_BYTES ((size_t)1024 * 1024)
#define PIECE_ROOM(bytes) ((bytes)*MAX_CONVERSION_GROWTH + 1)

/*
 * Converts a text to another encoding. The result begins with head unused
 * bytes; it is NULL when the text cannot be converted. The server's errors
 * would print bytes of the text, so noError is set: the conversion then stops
 * before a character that it cannot convert or that a piece's end cuts.
 */
static char *
convert(const char *text, size_t text_len, int source, int target, size_t head, size_t *len)
{
	Oid			   conversion = find_conversion(source, target);
	unsigned char *from = (unsigned char *)unconstify(char *, text);
	unsigned char *end = from + text_len;
	size_t		   room = head + PIECE_ROOM(Min(text_len, PIECE_BYTES));
	char		  *converted;
	size_t		   used = head;

	if (!OidIsValid(conversion))
		return NULL;
	converted = MemoryContextAllocHuge(CurrentMemoryContext, room);
	while (from < end)
	{
		size_t piece = Min((size_t)(end - from), PIECE_BYTES);
		int	   consumed;

		if (room - used < PIECE_ROOM(piece))
		{
			room = 2 * room;
			converted = repalloc_huge(converted, room);
		}
		consumed = pg_do_encoding_conversion_buf(conversion, source, target, from, (int)piece,
												 (unsigned char *)converted + used,
												 (int)PIECE_ROOM(piece), true);
		if (consumed <= 0)
		{
			pfree(converted);
			return NULL;
		}
		from += consumed;
		used += strlen(converted + used);
	}
	*len = used - head;
	return converted;
}

static void
convert_to_utf8(caas_bytes *bytes)
{
	size_t len;
	char  *converted = convert(bytes->data, bytes->len, GetDatabaseEncoding(), PG_UTF8, 0, &len);

	if (converted == NULL)
		refuse_text(NULL);
	caas_bytes_release(bytes);
	bytes->data = bytes->owned = converted;
	bytes->len = len;
}

/* The result is NULL when the database's encoding lacks a character, or when the text is too long.
 */
static struct varlena *
convert_from_utf8(struct varlena *utf8)
{
	size_t			len;
	struct varlena *text = (struct varlena *)convert(
		VARDATA_ANY(utf8), VARSIZE_ANY_EXHDR(utf8), PG_UTF8, GetDatabaseEncoding(), VARHDRSZ, &len);

	if (text == NULL || len > MaxAllocSize - VARHDRSZ)
		return NULL;
	SET_VARSIZE(text, VARHDRSZ + len);
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
			refuse_text("caas_open_bytea() opens values that are not text.");
		return NULL;
	}
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII &&
		!is_ascii(VARDATA_ANY(utf8), VARSIZE_ANY_EXHDR(utf8)))
		text = convert_from_utf8(utf8);
	if (text == NULL && !quiet)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the opened text has a character that the database's encoding lacks"),
				 errhint("caas_open_bytea() opens it as bytes in UTF-8."), caas_hide()));
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
		refuse_text(NULL);
	return bytes;
}

void
caas_bytes_release(caas_bytes *bytes)
{
	if (bytes->owned != NULL)
		pfree(bytes->owned);
	bytes->owned = NULL;
}
