/*
 * password_slots.c - limits the password hashes that run at a time in the whole server.
 *
 * A hash takes 32 MB for a fraction of a second, so many logins at once could
 * exhaust the memory. The count is in shared memory, which a library gets only
 * from shared_preload_libraries; without that there is no limit.
 */
#include "caas_pg.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/wait_event.h"

typedef struct password_slots
{
	slock_t			  mutex;
	int				  taken;
	ConditionVariable given_back;
} password_slots;

static password_slots		  *slots = NULL;
static shmem_request_hook_type next_request = NULL;
static shmem_startup_hook_type next_startup = NULL;

static void
attach_slots(void)
{
	bool found;

	if (next_startup)
		next_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("caas password hashes", sizeof *slots, &found);
	if (!found)
	{
		SpinLockInit(&slots->mutex);
		slots->taken = 0;
		ConditionVariableInit(&slots->given_back);
	}
	LWLockRelease(AddinShmemInitLock);
}

static void
request_slots(void)
{
	if (next_request)
		next_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(password_slots)));
}

void
caas_password_slots_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	CAAS_ADD_REQUEST_HOOK(next_request, request_slots);
	next_startup = shmem_startup_hook;
	shmem_startup_hook = attach_slots;
}

static bool
try_take(void)
{
	bool free;

	SpinLockAcquire(&slots->mutex);
	free = slots->taken < caas_password_limit;
	if (free)
		slots->taken++;
	SpinLockRelease(&slots->mutex);
	return free;
}

void
caas_password_slot_take(void)
{
	if (slots == NULL)
		return;
	ConditionVariablePrepareToSleep(&slots->given_back);
	while (!try_take())
		ConditionVariableSleep(&slots->given_back, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

void
caas_password_slot_give(void)
{
	if (slots == NULL)
		return;
	SpinLockAcquire(&slots->mutex);
	slots->taken--;
	SpinLockRelease(&slots->mutex);
	/* Wake all waiting sessions: a session that is being cancelled would lose the signal, and the
	 * first may know a lower limit than the second. */
	ConditionVariableBroadcast(&slots->given_back);
}
