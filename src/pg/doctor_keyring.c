/*
 * doctor_keyring.c - the keyring: whether it can be used, who can reach its file, and its age.
 */
#include "doctor.h"

#include <sys/statvfs.h>

#include "common/file_perm.h" /* for stat() */
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define SETTING "caas.keyring_file"
#define DAYS_OF_A_YEAR 365

/* The keyring as the next session will read it. */
typedef struct examined_keyring
{
	caas_status			 status;
	caas_error			 error;
	caas_keyring_info	 keyring;
	caas_generation_info active;
} examined_keyring;

/* The engine is freed before anything is reported, since a report can fail. */
static examined_keyring
examine_keyring(void)
{
	examined_keyring examined = {0};
	caas_engine		*engine = NULL;
	caas_error		 error;

	examined.status = caas_read_keyring(&engine, &examined.error);
	if (examined.status == CAAS_OK)
	{
		caas_engine_keyring(engine, &examined.keyring);
		for (int i = 0; i < examined.keyring.count && !examined.active.active; i++)
			(void)caas_engine_generation(engine, i, &examined.active, &error);
	}
	caas_engine_free(engine);
	return examined;
}

/* The path as an argument of a command of the shell, for those who may see it. */
static const char *
shown_path(const char *path, const char *instead)
{
	StringInfoData text;

	if (!caas_may_see_paths())
		return instead;
	initStringInfo(&text);
	appendStringInfoChar(&text, '\'');
	for (; *path != '\0'; path++)
		if (*path == '\'')
			appendStringInfoString(&text, "'\\''");
		else
			appendStringInfoChar(&text, *path);
	appendStringInfoChar(&text, '\'');
	return text.data;
}

/* The server starts only when the data directory belongs to its user. */
static uid_t
server_user(void)
{
	struct stat data;

	return stat(DataDir, &data) == 0 ? data.st_uid : 0;
}

static bool
on_read_only_mount(const char *path)
{
	struct statvfs mount;

	return statvfs(path, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
}

static void
report_problem(caas_doctor *doctor, const caas_error *error)
{
	struct stat status;
	const char *remedy = caas_keyring_hint(error);

	/* Only the mode is wrong; chmod cannot mend it on a read-only mount, such as a container's. */
	if (error->status == CAAS_ERR_KEYRING_PERMISSIONS && stat(caas_keyring_file, &status) == 0 &&
		!on_read_only_mount(caas_keyring_file))
	{
		if (status.st_uid == 0)
			remedy = psprintf("chmod 0640 %s", shown_path(caas_keyring_file, "FILE"));
		else if (status.st_uid == server_user())
			remedy = psprintf("chmod 0600 %s", shown_path(caas_keyring_file, "FILE"));
	}
	caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, SETTING,
					caas_keyring_problem(error, caas_may_see_paths()), remedy);
}

static void
report_warnings(caas_doctor *doctor, unsigned warnings)
{
	for (const caas_keyring_warning *warning = caas_keyring_warnings(); warning->bit != 0;
		 warning++)
		if (warnings & warning->bit)
			caas_doctor_add(doctor,
							warning->bit == CAAS_WARN_PUBLISHED_SECRET ? CAAS_SEVERITY_ERROR
																	   : CAAS_SEVERITY_WARNING,
							SETTING, warning->text, warning->hint);
}

static void
report_age(caas_doctor *doctor, const caas_generation_info *active)
{
	TimestampTz created =
		DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(active->created),
												ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	int64 days = (GetCurrentTimestamp() - created) / USECS_PER_DAY;

	if (days > DAYS_OF_A_YEAR)
		caas_doctor_add(
			doctor, CAAS_SEVERITY_NOTE, SETTING,
			psprintf("the active generation %d is %lld days old", active->number, (long long)days),
			psprintf("caas keyring rotate %s", shown_path(caas_keyring_file, "FILE")));
}

/* A backend reads and locks at its first use of the keyring, which was just now. */
static void
report_unlocked_memory(caas_doctor *doctor)
{
	if (!caas_secrets_locked())
		caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, "locked memory",
						"secrets are in memory that can be swapped out and dumped: the system "
						"grants this server no locked memory",
						"Set LimitMEMLOCK=infinity in the unit of the server and restart it.");
}

/* ---- the place of the file ---- */

/* True when the path is in the folder; both are without links. */
static bool
is_inside(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

static void
report_data_directory(caas_doctor *doctor, const char *path)
{
	char data[PATH_MAX];

	if (realpath(DataDir, data) != NULL && is_inside(path, data))
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, SETTING,
						"the keyring is in the data directory: every base backup holds it",
						"Move the file to a folder of its own, set caas.keyring_file, and call "
						"pg_reload_conf(). Rotate if a backup is in other hands.");
}

/* Whoever can write into a folder can replace what is in it, unless the folder is sticky. */
static const char *
folder_problem(const struct stat *folder, const char **command)
{
	bool group_writes = (folder->st_mode & S_IWGRP) != 0 && folder->st_gid != 0;

	if (folder->st_uid != 0 && folder->st_uid != server_user())
	{
		*command = "chown root";
		return "belongs to another user";
	}
	*command = "chmod go-w";
	if ((folder->st_mode & S_ISVTX) == 0 && (group_writes || (folder->st_mode & S_IWOTH) != 0))
		return "can be written by other users";
	return NULL;
}

/* Examines the folders of the path, but not those of the other path, which is NULL or examined. */
static void
report_folders(caas_doctor *doctor, const char *path, const char *examined)
{
	char *folder = pstrdup(path);
	char *end;

	while ((end = strrchr(folder, '/')) != NULL)
	{
		struct stat status;
		const char *command;
		const char *problem;
		const char *name;

		*end = '\0';
		name = *folder == '\0' ? "/" : folder;
		if ((examined != NULL && is_inside(examined, folder)) || stat(name, &status) != 0)
			continue;
		problem = folder_problem(&status, &command);
		name = shown_path(name, "FOLDER");
		if (problem != NULL)
			caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, SETTING,
							psprintf("others can replace the keyring: the folder %s of its path %s",
									 name, problem),
							psprintf("%s %s", command, name));
	}
}

static void
report_place(caas_doctor *doctor)
{
	char path[PATH_MAX];

	if (caas_keyring_file == NULL || *caas_keyring_file == '\0' ||
		realpath(caas_keyring_file, path) == NULL)
		return;
	report_data_directory(doctor, path);
	report_folders(doctor, path, NULL);
	report_folders(doctor, caas_keyring_file, path); /* a symbolic link can be replaced too */
}

void
caas_doctor_keyring(caas_doctor *doctor)
{
	examined_keyring examined = examine_keyring();

	if (examined.status != CAAS_OK)
		report_problem(doctor, &examined.error);
	else
	{
		report_warnings(doctor, examined.keyring.warnings);
		report_age(doctor, &examined.active);
		report_unlocked_memory(doctor);
	}
	report_place(doctor);
}
