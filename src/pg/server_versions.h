/*
 * server_versions.h - what differs between the versions of the server, from 14 on.
 *
 * The only file that asks for the version; a lint checks that. Where it can, it
 * gives the names of one version to the others, so that the code knows of none.
 */
#ifndef CAAS_SERVER_VERSIONS_H
#define CAAS_SERVER_VERSIONS_H

#include "postgres.h"
#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* What later versions need and earlier ones lack. */

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
typedef void (*shmem_request_hook_type)(void);
/* Shared memory is requested when the library is loaded. */
#define CAAS_ADD_REQUEST_HOOK(next, hook) ((next) = NULL, (hook)())
/* The kinds are those of catalog/pg_class.h, which the caller includes. */
#define RELKIND_HAS_TABLE_AM(relkind)                                                              \
	((relkind) == RELKIND_RELATION || (relkind) == RELKIND_TOASTVALUE ||                           \
	 (relkind) == RELKIND_MATVIEW)
#else
#define CAAS_HAS_MERGE
#define CAAS_ADD_REQUEST_HOOK(next, hook) ((next) = shmem_request_hook, shmem_request_hook = (hook))
#endif

/* What check hooks allocate with. */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size) malloc(size)
#define guc_free(p) free(p)
#endif

#if PG_VERSION_NUM < 180000
#define CAAS_MODULE_MAGIC PG_MODULE_MAGIC
#define CAAS_IS_ENFORCED(constraint) true
/* pg_stat_statements keeps the value of SET; from 18 on it keeps a sign in its place. */
#define CAAS_STATISTICS_SHOW_SET true
#else
#define CAAS_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "caas")
#define CAAS_IS_ENFORCED(constraint) ((constraint).ccenforced)
#define CAAS_STATISTICS_SHOW_SET false
#endif

/* What earlier versions have and later ones name otherwise. */

#if PG_VERSION_NUM >= 160000
#define pg_proc_ownercheck(function, role) object_ownercheck(ProcedureRelationId, function, role)
#define pg_class_ownercheck(table, role) object_ownercheck(RelationRelationId, table, role)
#define pg_namespace_aclcheck(schema, role, mode)                                                  \
	object_aclcheck(NamespaceRelationId, schema, role, mode)
#endif

#if PG_VERSION_NUM >= 170000
#define IsAutoVacuumWorkerProcess() AmAutoVacuumWorkerProcess()
#endif

/* The parameters of a planner hook, and the same as arguments. */
#if PG_VERSION_NUM >= 190000
#define CAAS_PLANNER_PARAMETERS                                                                    \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo bound_params,        \
		struct ExplainState *explain
#define CAAS_PLANNER_ARGUMENTS parse, query_string, cursor_options, bound_params, explain
#else
#define CAAS_PLANNER_PARAMETERS                                                                    \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo bound_params
#define CAAS_PLANNER_ARGUMENTS parse, query_string, cursor_options, bound_params
#endif

/* Begins to read all rows of a table that the snapshot sees. */
#if PG_VERSION_NUM >= 190000
#define CAAS_BEGIN_SCAN(relation, snapshot) table_beginscan(relation, snapshot, 0, NULL, SO_NONE)
#else
#define CAAS_BEGIN_SCAN(relation, snapshot) table_beginscan(relation, snapshot, 0, NULL)
#endif

#endif
