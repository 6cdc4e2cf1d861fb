/*
 * A library to preload: CAAS_FAULT="CALL HOW" makes every CALL fail with HOW (an errno), or end the process before it
 * when HOW is "kill". CALL is renameat, renameat2, fsync (of a file), fsyncdir (of a folder) or write (of a file that the
 * program opened: half is written, as on a disk that gets full). "epoll_wait HOW" holds the main thread up for HOW
 * microseconds before each call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

static int
fault(const char *call)
{
	const char *wanted = getenv("CAAS_FAULT");
	size_t      len = strlen(call);

	if (wanted == NULL || strncmp(wanted, call, len) != 0 || wanted[len] != ' ')
		return 0;
	if (strcmp(wanted + len + 1, "kill") == 0)
		raise(SIGKILL);
	errno = atoi(wanted + len + 1);
	return 1;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);
	static int halved;

	if (real == NULL)
		real = (ssize_t(*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write");
	if (fd <= STDERR_FILENO)
		return real(fd, data, len);
	if (getenv("CAAS_FAULT") != NULL && strncmp(getenv("CAAS_FAULT"), "write ", 6) == 0 && !halved)
	{
		halved = 1;
		return real(fd, data, len / 2);
	}
	return fault("write") ? -1 : real(fd, data, len);
}

int
fsync(int fd)
{
	int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
	struct stat status;
	const char *call = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? "fsyncdir" : "fsync";

	return fault(call) ? -1 : real(fd);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int (*real)(int, const char *, int, const char *) =
		(int (*)(int, const char *, int, const char *)) dlsym(RTLD_NEXT, "renameat");

	return fault("renameat") ? -1 : real(from_dir, from, to_dir, to);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	int (*real)(int, const char *, int, const char *, unsigned int) =
		(int (*)(int, const char *, int, const char *, unsigned int)) dlsym(RTLD_NEXT, "renameat2");

	return fault("renameat2") ? -1 : real(from_dir, from, to_dir, to, flags);
}

int
epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	int (*real)(int, struct epoll_event *, int, int) =
		(int (*)(int, struct epoll_event *, int, int)) dlsym(RTLD_NEXT, "epoll_wait");
	const char *wanted = getenv("CAAS_FAULT");

	if (wanted != NULL && strncmp(wanted, "epoll_wait ", 11) == 0 && gettid() == getpid())
		usleep(atoi(wanted + 11));
	return real(epoll, events, most, timeout);
}
