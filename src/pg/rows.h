/*
 * rows.h - builds the rows that a function returns.
 */
#ifndef CAAS_ROWS_H
#define CAAS_ROWS_H

#include "caas_pg.h"

#include "funcapi.h"

#define CAAS_ROW_MAX 12

/* A row under construction: values are added in the order of the columns. */
typedef struct caas_row
{
	TupleDesc desc;
	int		  filled;
	Datum	  values[CAAS_ROW_MAX];
	bool	  nulls[CAAS_ROW_MAX];
} caas_row;

extern caas_row caas_row_begin(FunctionCallInfo fcinfo);
extern void		caas_row_add(caas_row *row, Datum value, bool is_null);
extern void		caas_row_add_text(caas_row *row, const char *text); /* NULL: null */

/* Adds a column of a later version; skipped where the SQL definition of an older one is still in
 * use. */
extern void	 caas_row_add_newer_text(caas_row *row, const char *text);
extern Datum caas_row_finish(caas_row *row);

/* Begins the result of a function that returns a set of rows of this many columns. */
extern ReturnSetInfo *caas_rows_begin(FunctionCallInfo fcinfo, int ncolumns);
extern void			  caas_rows_put(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

#endif
