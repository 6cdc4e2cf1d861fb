/*
 * node.c - caas.trusted_nodes: other servers, whose sessions here need no API key.
 *
 * An entry is role@method. It holds for sessions of the role that the client logged in
 * as, when the server itself has seen proof of that role by this method. The proof is
 * noted while a client logs in, because the server forgets it in the next step before
 * PostgreSQL 16. SET ROLE and SET SESSION AUTHORIZATION change nothing about it.
 */
#include "caas_pg.h"

/*
 * ENABLE_GSS makes libpq-be.h include the headers of GSSAPI, which another package has.
 * Port has the same layout without it.
 */
#undef ENABLE_GSS
#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "utils/varlena.h"

#define PROOF_CERT 1
#define PROOF_SCRAM 2
#define PROOF_PEER 4

/* No method that a client passes without a secret of its own, and none that sends the secret. */
static const struct
{
	const char *name;
	unsigned	proof;
} methods[] = {
	{"cert", PROOF_CERT},
	{"scram-sha-256", PROOF_SCRAM},
	{"peer", PROOF_PEER},
};

/* The longest method, with the terminator. */
#define METHOD_BYTES sizeof "scram-sha-256"

typedef struct trusted_node
{
	char	 entry[NAMEDATALEN + METHOD_BYTES]; /* role@method */
	int		 role_length;
	unsigned proof;
} trusted_node;

struct caas_node_list
{
	int			 count;
	trusted_node nodes[CAAS_NODES_MAX];
};

static caas_node_list trusted;
static unsigned		  proofs;	  /* what the client of this process has proved its role by */
static bool			  sees_login; /* the library was there before the first client */

static ClientAuthentication_hook_type next_hook = NULL;

/* ---- the setting ---- */

static unsigned
proof_of_method(const char *name)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return methods[i].proof;
	return 0;
}

/* Returns NULL, or what is wrong with the entry. */
static const char *
parse_node(const char *entry, trusted_node *node)
{
	const char *at = strrchr(entry, '@');

	if (at == NULL)
		return "it is not role@method";
	if (at == entry || at - entry >= NAMEDATALEN)
		return "the name of the role is empty or too long";
	node->proof = proof_of_method(at + 1);
	if (node->proof == 0)
		return "the method is not cert, scram-sha-256 or peer";
	node->role_length = (int)(at - entry);
	strlcpy(node->entry, entry, sizeof node->entry);
	return NULL;
}

static bool
parse_nodes(List *entries, caas_node_list *list)
{
	ListCell *cell;

	foreach (cell, entries)
	{
		const char *problem = list->count == CAAS_NODES_MAX
								  ? "there are more than 64"
								  : parse_node(lfirst(cell), &list->nodes[list->count]);

		list->count++;
		if (problem == NULL)
			continue;
		GUC_check_errdetail("Entry %d: %s.", list->count, problem);
		return false;
	}
	return true;
}

bool
caas_check_trusted_nodes(char **newval, void **extra, GucSource source)
{
	char		   *copy = pstrdup(*newval ? *newval : "");
	caas_node_list *list = guc_malloc(LOG, sizeof *list);
	List		   *entries = NIL;
	bool			valid = list != NULL && SplitGUCList(copy, ',', &entries);

	if (valid)
	{
		memset(list, 0, sizeof *list);
		valid = parse_nodes(entries, list);
	}
	list_free(entries);
	pfree(copy);
	if (valid)
	{
		*extra = list;
		return true;
	}
	guc_free(list);
	GUC_check_errmsg("caas.trusted_nodes is not a list of role@method");
	GUC_check_errhint("Separate the entries by commas; put one with a comma or a blank into double "
					  "quotes.");
	return false;
}

void
caas_assign_trusted_nodes(const char *newval, void *extra)
{
	trusted = *(const caas_node_list *)extra;
	caas_session_node_changed();
}

int
caas_node_count(void)
{
	return trusted.count;
}

char *
caas_node_role(int index)
{
	return pnstrdup(trusted.nodes[index].entry, trusted.nodes[index].role_length);
}

/* ---- the session ---- */

/* Tells whether the client of this process logged in as the role of this entry. */
static bool
is_role_of(const trusted_node *node)
{
	const char *user = MyProcPort != NULL ? MyProcPort->user_name : NULL;

	return user != NULL && strlen(user) == (size_t)node->role_length &&
		   memcmp(user, node->entry, node->role_length) == 0;
}

const char *
caas_node_entry(void)
{
	for (int i = 0; i < trusted.count; i++)
		if ((trusted.nodes[i].proof & proofs) != 0 && is_role_of(&trusted.nodes[i]))
			return trusted.nodes[i].entry;
	return NULL;
}

bool
caas_node_is_listed(void)
{
	for (int i = 0; i < trusted.count; i++)
		if (is_role_of(&trusted.nodes[i]))
			return true;
	return false;
}

bool
caas_node_sees_login(void)
{
	return sees_login;
}

/*
 * With clientcert=verify-full the server has checked that the certificate is for this
 * role, whatever the method of the line is; the method cert implies it.
 */
static unsigned
proofs_of(const Port *port)
{
	unsigned found = 0;

	if (port->peer_cert_valid && port->hba->clientcert == clientCertFull)
		found |= PROOF_CERT;
	if (port->hba->auth_method == uaSCRAM)
		found |= PROOF_SCRAM;
	if (port->hba->auth_method == uaPeer)
		found |= PROOF_PEER;
	return found;
}

static void
note_login(Port *port, int status)
{
	if (next_hook != NULL)
		next_hook(port, status);
	if (status != STATUS_OK)
		return;
	proofs = proofs_of(port);
	caas_session_node_changed();
}

void
caas_node_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	sees_login = true;
	next_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = note_login;
}
