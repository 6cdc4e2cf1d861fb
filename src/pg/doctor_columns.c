/*
 * doctor_columns.c - columns that nothing protects: personal data by their names, and values that
 * look sealed.
 *
 * The rows are read without the planner and without any code of the table's owner,
 * which a query could run.
 */
#include "doctor.h"
#include "table.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#define SAMPLED_ROWS 100
#define READ_BYTES 256 /* more than any digest has, and the head of any sealed value */

/* A column to look at, and what was seen of it. */
typedef struct caas_candidate
{
	const char *name;
	Oid			type;	/* base type */
	AttrNumber	number; /* in the table that is being read: partitions have their own */
	int			values;
	int			sealed;
	int			plain; /* not of the shape of a digest, a sealed value or a password hash */
} caas_candidate;

/*
 * Names of columns in lower case, with _ between words, that hold personal data.
 * A word before, such as in work_email, is allowed, one behind, such as in
 * email_digest, is not.
 */
static const char personal_names[] =
	"(^|_)(e_?mail(_?(address|addr))?|ssn|social_security(_?(number|no))?|national_?id"
	"|(tele|mobile_?)?phone(_?(number|no|nr))?|mobile|iban|passw(or)?d|passport(_?(number|no|nr|id))?"
	"|tax_?(id|number|no)|(credit_?)?card_?(number|no)"
	"|birth_?(date|day)|date_of_birth|dob|driver_?s?_?licen[cs]e(_?(number|no))?)$";

/* Labelled columns are declared; members of extensions are not the user's. */
static const char candidates[] =
	"SELECT c.oid, pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ' ORDER BY a.attnum)"
	" FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid" EQ "c.relnamespace"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "c.oid"
	" JOIN pg_catalog.pg_type t ON t.oid" EQ "a.atttypid"
	" WHERE c.relkind" EQ "ANY ('{r,p}'::pg_catalog.\"char\"[]) AND NOT c.relispartition"
	" AND c.relpersistence OPERATOR(pg_catalog.<>) 't'"
	" AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'"
	" AND n.nspname OPERATOR(pg_catalog.!~) '^pg_'"
	" AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped"
	" AND ('pg_catalog.bytea'::pg_catalog.regtype" EQ "ANY (ARRAY[t.oid, t.typbasetype])"
	"  OR pg_catalog.lower(pg_catalog.regexp_replace(a.attname,"
	"    '([a-z0-9])([A-Z])', '\\1_\\2', 'g')) OPERATOR(pg_catalog.~) '%s'"
	"   AND (t.typcategory" EQ "'S'"
	"    OR t.typcategory" EQ "'D' AND a.attname OPERATOR(pg_catalog.~*) 'birth|dob'))"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid" EQ "c.oid AND d.deptype" EQ
	"'e'"
	"  AND d.classid" EQ "'pg_catalog.pg_class'::pg_catalog.regclass)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_seclabel s WHERE s.objoid" EQ "c.oid"
	"  AND s.classoid" EQ "'pg_catalog.pg_class'::pg_catalog.regclass"
	"  AND s.objsubid" EQ "a.attnum AND s.provider" EQ "'caas')"
	" GROUP BY c.oid, n.nspname, c.relname ORDER BY n.nspname, c.relname";

/* ---- what the triggers protect ---- */

static Bitmapset *
add_name(Bitmapset *named, const caas_name *name)
{
	return name->number > 0 ? bms_add_member(named, name->number) : named;
}

static Bitmapset *
add_column(Bitmapset *named, Relation relation, const char *column)
{
	AttrNumber number =
		column == NULL ? InvalidAttrNumber : get_attnum(RelationGetRelid(relation), column);

	return number > 0 ? bms_add_member(named, number) : named;
}

/* The columns that triggers of caas name, the id columns not among them. */
static Bitmapset *
named_by_triggers(Relation relation)
{
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	Bitmapset		  *named = NULL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		caas_examined_trigger examined;

		if (caas_kind_of_function(triggers->triggers[i].tgfoid) == NULL)
			continue;
		caas_examine_trigger(relation, &triggers->triggers[i], &examined);
		for (int j = 0; examined.definition != NULL && j < examined.definition->narguments; j++)
		{
			named = add_name(named, &examined.definition->arguments[j].source);
			named = add_name(named, &examined.definition->arguments[j].target);
			named = add_name(named, &examined.definition->arguments[j].companion);
		}
	}
	return named;
}

/* These, and those of generated columns and security labels. */
static Bitmapset *
protected_columns(Relation relation)
{
	Bitmapset *named = named_by_triggers(relation);
	ListCell  *cell;

	foreach (cell, caas_untriggered_declarations(relation))
	{
		const caas_declaration *declaration = lfirst(cell);

		named = add_column(named, relation, declaration->target);
		named = add_column(named, relation, declaration->companion);
	}
	return named;
}

/* ---- the sample ---- */

static bool
is_password_hash(const char *text, size_t length)
{
	return length > 3 && text[0] == '$' && memchr(text + 1, '$', length - 1) != NULL;
}

static void
look_at(caas_candidate *column, Datum value)
{
	struct varlena	*head;
	caas_sealed_info info;
	const char		*data;
	size_t			 length;

	column->values++;
	if (get_typlen(column->type) != -1)
	{
		column->plain++;
		return;
	}
	head = PG_DETOAST_DATUM_SLICE(value, 0, READ_BYTES);
	data = VARDATA_ANY(head);
	length = VARSIZE_ANY_EXHDR(head);
	if (column->type == BYTEAOID)
		column->sealed += caas_sealed_describe(data, length, &info) == CAAS_OK;
	else if (caas_digest_size(data, length, CAAS_FORM_HEX) == 0 && !is_password_hash(data, length))
		column->plain++;
}

/* Reads the first rows of a table. Returns how many. */
static int
sample_table(Relation relation, List *columns, int limit)
{
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc	scan = CAAS_BEGIN_SCAN(relation, GetActiveSnapshot());
	int				rows = 0;
	ListCell	   *cell;

	foreach (cell, columns)
		((caas_candidate *)lfirst(cell))->number =
			get_attnum(RelationGetRelid(relation), ((caas_candidate *)lfirst(cell))->name);
	for (; rows < limit && table_scan_getnextslot(scan, ForwardScanDirection, slot); rows++)
		foreach (cell, columns)
		{
			caas_candidate *column = lfirst(cell);
			bool			is_null;
			Datum			value = slot_getattr(slot, column->number, &is_null);

			if (!is_null)
				look_at(column, value);
		}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return rows;
}

/* Reads the first rows of a table, or of the partitions of a partitioned one. */
static void
sample(caas_doctor *doctor, Relation relation, List *columns)
{
	int		  rows = 0;
	ListCell *cell;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
	{
		(void)sample_table(relation, columns, SAMPLED_ROWS);
		return;
	}
	foreach (cell, find_all_inheritors(RelationGetRelid(relation), NoLock, NULL))
	{
		Relation leaf = rows < SAMPLED_ROWS ? caas_doctor_open(doctor, lfirst_oid(cell)) : NULL;

		if (leaf == NULL)
			continue;
		if (leaf->rd_rel->relkind == RELKIND_RELATION)
			rows += sample_table(leaf, columns, SAMPLED_ROWS - rows);
		caas_doctor_close(leaf);
	}
}

/* ---- what the caller may read ---- */

static bool
may_read_columns(Oid relation, List *columns)
{
	ListCell *cell;

	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	foreach (cell, columns)
		if (pg_attribute_aclcheck(relation,
								  get_attnum(relation, ((caas_candidate *)lfirst(cell))->name),
								  GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			return false;
	return true;
}

/* Notes why the rows cannot be read. Returns true when they can. */
static bool
may_sample(caas_doctor *doctor, Relation relation, List *columns)
{
	const char *name = caas_table_name(RelationGetRelid(relation));
	const char *reason = NULL;
	const char *remedy = "Call caas_doctor() as a superuser.";

	if (!may_read_columns(RelationGetRelid(relation), columns))
	{
		reason = "cannot look at the rows of this table: this role has no SELECT privilege";
		remedy = psprintf("GRANT SELECT ON %s TO %s;", name,
						  quote_identifier(GetUserNameFromId(GetUserId(), false)));
	}
	else if (check_enable_rls(RelationGetRelid(relation), InvalidOid, true) == RLS_ENABLED)
		reason = "cannot look at the rows of this table: row security hides some from this role";
	else if (RecoveryInProgress() && relation->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
	{
		reason = "cannot look at the rows of this table: a standby has none of an unlogged one";
		remedy = "Call caas_doctor() on the primary.";
	}
	else if (caas_is_distributed(RelationGetRelid(relation)))
	{
		reason = "cannot look at the rows of this table: Citus keeps them in shards";
		remedy = psprintf("SELECT * FROM pg_catalog.run_command_on_all_nodes('SELECT "
						  "pg_catalog.json_agg(d) FROM %s.caas_doctor() d'::pg_catalog.text);",
						  doctor->schema);
	}
	if (reason != NULL)
		caas_doctor_add(doctor, CAAS_SEVERITY_NOTE, psprintf("table %s", name), reason, remedy);
	return reason == NULL;
}

/* ---- the findings ---- */

/* Returns the only column of type uuid, or a word in place of the column that the reader has to
 * name. */
static const char *
only_uuid(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);
	const char *found = NULL;

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped || getBaseType(column->atttypid) != UUIDOID)
			continue;
		if (found != NULL)
			return "ID";
		found = quote_identifier(caas_column_name(relation, (AttrNumber)(i + 1)));
	}
	return found != NULL ? found : "ID";
}

/* The id of the user as a trigger or label names it: the primary key, with a namespace unless it is
 * a uuid. */
static const char *
id_of(Relation relation)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			member;
	AttrNumber	number;
	const char *name;

	if (!bms_get_singleton_member(key, &member))
		return only_uuid(relation);
	number = (AttrNumber)(member + FirstLowInvalidHeapAttributeNumber);
	name = quote_identifier(caas_column_name(relation, number));
	if (getBaseType(TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid) == UUIDOID)
		return name;
	return psprintf("%s@%s", name, quote_identifier(RelationGetRelationName(relation)));
}

static void
report_column(caas_doctor *doctor, Relation relation, const caas_candidate *column)
{
	const char *table = caas_table_name(RelationGetRelid(relation));
	const char *name = quote_identifier(column->name);
	const char *object = psprintf("column %s.%s", table, name);
	const char *id = id_of(relation);

	if (column->type == BYTEAOID && column->values > 0 && column->sealed == column->values)
		caas_doctor_add(
			doctor, CAAS_SEVERITY_NOTE, object,
			"the values look sealed, and nothing declares the column: checks and rotation pass it by",
			psprintf("SECURITY LABEL FOR caas ON COLUMN %s.%s IS %s;", table, name,
					 quote_literal_cstr(psprintf("seal %s @CONTEXT", id))));
	else if (column->plain > 0)
		caas_doctor_add(doctor, CAAS_SEVERITY_NOTE, object,
						"the column holds personal data by its name, and nothing protects it",
						psprintf("SELECT * FROM %s.caas_protect_plan(%s, %s, %s);", doctor->schema,
								 quote_literal_cstr(table), quote_literal_cstr(id),
								 quote_literal_cstr(name)));
}

/* The columns of this list of numbers that no trigger protects. */
static List *
unprotected(Relation relation, char *numbers)
{
	Bitmapset *named = protected_columns(relation);
	List	  *columns = NIL;

	for (char *next = strtok(numbers, " "); next != NULL; next = strtok(NULL, " "))
	{
		AttrNumber		number = (AttrNumber)atoi(next);
		caas_candidate *column;

		if (number > RelationGetDescr(relation)->natts || bms_is_member(number, named))
			continue;
		column = palloc0(sizeof *column);
		column->name = caas_column_name(relation, number);
		column->type = getBaseType(TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid);
		columns = lappend(columns, column);
	}
	return columns;
}

/* A label keeps the names of other columns as they were when it was written. */
static void
report_labels(caas_doctor *doctor, Relation relation)
{
	const char *table = caas_table_name(RelationGetRelid(relation));
	ListCell   *cell;

	foreach (cell, caas_untriggered_declarations(relation))
	{
		const caas_declaration *declaration = lfirst(cell);

		if (declaration->by == CAAS_BY_LABEL && declaration->problem != NULL)
			caas_doctor_add(doctor, CAAS_SEVERITY_ERROR,
							psprintf("column %s.%s", table, quote_identifier(declaration->target)),
							psprintf("the security label cannot be used: %s", declaration->problem),
							psprintf("SECURITY LABEL FOR caas ON COLUMN %s.%s IS '..';", table,
									 quote_identifier(declaration->target)));
	}
}

static void
report_labelled_table(caas_doctor *doctor, char **row, const void *argument)
{
	Relation relation = caas_doctor_open(doctor, (Oid)strtoul(row[0], NULL, 10));

	if (relation == NULL)
		return;
	report_labels(doctor, relation);
	caas_doctor_close(relation);
}

static void
report_table(caas_doctor *doctor, char **row, const void *argument)
{
	Relation  relation = caas_doctor_open(doctor, (Oid)strtoul(row[0], NULL, 10));
	List	 *columns = relation != NULL ? unprotected(relation, row[1]) : NIL;
	ListCell *cell;

	if (columns != NIL && may_sample(doctor, relation, columns))
	{
		sample(doctor, relation, columns);
		foreach (cell, columns)
			report_column(doctor, relation, lfirst(cell));
	}
	if (relation != NULL)
		caas_doctor_close(relation);
}

void
caas_doctor_columns(caas_doctor *doctor)
{
	caas_doctor_query(doctor, psprintf(candidates, personal_names), report_table, NULL);
	caas_doctor_query(doctor,
					  "SELECT DISTINCT l.objoid FROM pg_catalog.pg_seclabel l WHERE l.provider "
					  "OPERATOR(pg_catalog.=) 'caas' ORDER BY 1",
					  report_labelled_table, NULL);
}
