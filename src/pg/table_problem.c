/*
 * table_problem.c - what is wrong with a trigger or a label, without an error that
 * would hide what the other tables declare.
 */
#include "table.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* An error that says that a definition is wrong. Another one, such as a cancel, ends the report. */
static bool
is_about_definition(int sqlerrcode)
{
	switch (sqlerrcode)
	{
	case ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED:
	case ERRCODE_UNDEFINED_COLUMN:
	case ERRCODE_DATATYPE_MISMATCH:
	case ERRCODE_INVALID_PARAMETER_VALUE:
	case ERRCODE_CHARACTER_NOT_IN_REPERTOIRE:
	case ERRCODE_UNTRANSLATABLE_CHARACTER:
		return true;
	default:
		return false;
	}
}

static ErrorData *
take_error(bool (*is_expected)(int sqlerrcode))
{
	ErrorData *error = CopyErrorData();

	if (!is_expected(error->sqlerrcode))
		ReThrowError(error);
	FlushErrorState();
	return error;
}

const ErrorData *
caas_error_of(void (*run)(void *argument), void *argument, bool (*is_expected)(int sqlerrcode))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run(argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = take_error(is_expected);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction(); /* which gives the locks back, too */
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

const ErrorData *
caas_definition_error(void (*examine)(void *argument), void *argument)
{
	return caas_error_of(examine, argument, is_about_definition);
}

const char *
caas_problem_of(const ErrorData *error)
{
	if (error == NULL)
		return NULL;
	return psprintf("The definition is refused: %s.%s%s", error->message,
					error->detail != NULL ? " " : "", error->detail != NULL ? error->detail : "");
}
