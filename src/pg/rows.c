/*
 * rows.c - building the row that a function returns.
 */
#include "rows.h"

#include "utils/builtins.h"

caas_row
caas_row_begin(FunctionCallInfo fcinfo)
{
	caas_row row = {0};

	if (get_call_result_type(fcinfo, NULL, &row.desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	row.desc = BlessTupleDesc(row.desc);
	if (row.desc->natts > CAAS_ROW_MAX)
		elog(ERROR, "unexpected number of columns");
	return row;
}

void
caas_row_add(caas_row *row, Datum value, bool is_null)
{
	if (row->filled >= row->desc->natts)
		elog(ERROR, "unexpected number of columns");
	row->values[row->filled] = value;
	row->nulls[row->filled++] = is_null;
}

void
caas_row_add_text(caas_row *row, const char *text)
{
	caas_row_add(row, text ? CStringGetTextDatum(text) : (Datum)0, text == NULL);
}

Datum
caas_row_finish(caas_row *row)
{
	if (row->filled != row->desc->natts)
		elog(ERROR, "unexpected number of columns");
	return HeapTupleGetDatum(heap_form_tuple(row->desc, row->values, row->nulls));
}
