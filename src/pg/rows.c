/*
 * rows.c - builds the rows that a function returns.
 */
#include "rows.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* Raised when the SQL definition of a function does not fit the library. */
static void
refuse_row_type(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the return type of the function is not the row that caas returns"),
			 errhint("ALTER EXTENSION caas UPDATE creates the functions anew."), caas_hide()));
}

caas_row
caas_row_begin(FunctionCallInfo fcinfo)
{
	caas_row row = {0};

	if (get_call_result_type(fcinfo, NULL, &row.desc) != TYPEFUNC_COMPOSITE)
		refuse_row_type();
	row.desc = BlessTupleDesc(row.desc);
	if (row.desc->natts > CAAS_ROW_MAX)
		refuse_row_type();
	return row;
}

void
caas_row_add(caas_row *row, Datum value, bool is_null)
{
	if (row->filled >= row->desc->natts)
		refuse_row_type();
	row->values[row->filled] = value;
	row->nulls[row->filled++] = is_null;
}

void
caas_row_add_text(caas_row *row, const char *text)
{
	caas_row_add(row, text ? CStringGetTextDatum(text) : (Datum)0, text == NULL);
}

void
caas_row_add_newer_text(caas_row *row, const char *text)
{
	if (row->filled < row->desc->natts)
		caas_row_add_text(row, text);
}

Datum
caas_row_finish(caas_row *row)
{
	if (row->filled != row->desc->natts)
		refuse_row_type();
	return HeapTupleGetDatum(heap_form_tuple(row->desc, row->values, row->nulls));
}

ReturnSetInfo *
caas_rows_begin(FunctionCallInfo fcinfo, int ncolumns)
{
	ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
	MemoryContext  caller;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0 || result->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function returns rows and cannot be called here"), caas_hide()));
	if (result->expectedDesc->natts != ncolumns)
		refuse_row_type();
	caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = CreateTupleDescCopy(result->expectedDesc);
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(caller);
	return result;
}

void
caas_rows_put(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
