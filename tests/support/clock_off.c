/* Shows a process a clock that is CLOCK_OFF seconds ahead of this machine's (or, below zero, behind
   it), and by the same clock the times of files that are named by their paths below CLOCK_OFF_BELOW.
   Of others never: Python would take its own compiled modules for old ones, and write them anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long off(void)
{
    const char *given = getenv("CLOCK_OFF");
    return given ? atol(given) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *told)
{
    int done = syscall(SYS_clock_gettime, clock, told);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        told->tv_sec += off();
    return done;
}

int gettimeofday(struct timeval *told, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told)
        *told = now.tv_sec;
    return now.tv_sec;
}

static int is_below(const char *path)
{
    const char *place = getenv("CLOCK_OFF_BELOW");
    return place && path && !strncmp(path, place, strlen(place));
}

int fstatat(int directory, const char *path, struct stat *found, int flags)
{
    int (*real)(int, const char *, struct stat *, int) = dlsym(RTLD_NEXT, "fstatat");
    int done = real(directory, path, found, flags);
    if (!done && is_below(path)) {
        found->st_mtim.tv_sec += off();
        found->st_ctim.tv_sec += off();
        found->st_atim.tv_sec += off();
    }
    return done;
}

int stat(const char *path, struct stat *found)
{
    return fstatat(AT_FDCWD, path, found, 0);
}

int lstat(const char *path, struct stat *found)
{
    return fstatat(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW);
}

int stat64(const char *path, struct stat64 *found)
{
    return stat(path, (struct stat *)found);
}

int lstat64(const char *path, struct stat64 *found)
{
    return lstat(path, (struct stat *)found);
}

int fstatat64(int directory, const char *path, struct stat64 *found, int flags)
{
    return fstatat(directory, path, (struct stat *)found, flags);
}

int utimensat(int directory, const char *path, const struct timespec told[2], int flags)
{
    int (*real)(int, const char *, const struct timespec *, int) = dlsym(RTLD_NEXT, "utimensat");
    struct timespec own[2];
    int number;
    if (!told || !is_below(path))
        return real(directory, path, told, flags);
    for (number = 0; number < 2; number++) {
        own[number] = told[number];
        if (told[number].tv_nsec != UTIME_NOW && told[number].tv_nsec != UTIME_OMIT)
            own[number].tv_sec -= off();
    }
    return real(directory, path, own, flags);
}
