/* Takes from a process what some file systems do not have: flock, record locks, shared memory of
   SQLite. Which of them, WITHOUT says: "flock", "locks", "shm", separated by commas. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int without(const char *what)
{
    const char *given = getenv("WITHOUT");
    return given && strstr(given, what) != NULL;
}

int flock(int fd, int operation)
{
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (without("flock")) {
        errno = ENOLCK;
        return -1;
    }
    return real(fd, operation);
}

static int control(const char *name, int fd, int command, void *argument)
{
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    if (without("locks") && (command == F_SETLK || command == F_SETLKW || command == F_GETLK)) {
        errno = ENOLCK;
        return -1;
    }
    return real(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control("fcntl64", fd, command, argument);
}

int lockf(int fd, int command, off_t length)
{
    int (*real)(int, int, off_t) = dlsym(RTLD_NEXT, "lockf");
    if (without("locks")) {
        errno = ENOLCK;
        return -1;
    }
    return real(fd, command, length);
}

static void *map(const char *name, void *at, size_t length, int access, int flags, int fd, off_t from)
{
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, name);
    if (without("shm") && fd >= 0) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, path, sizeof path - 1);
        if (size > 4 && memcmp(path + size - 4, "-shm", 4) == 0) {
            errno = ENODEV;
            return MAP_FAILED;
        }
    }
    return real(at, length, access, flags, fd, from);
}

void *mmap(void *at, size_t length, int access, int flags, int fd, off_t from)
{
    return map("mmap", at, length, access, flags, fd, from);
}

void *mmap64(void *at, size_t length, int access, int flags, int fd, off_t from)
{
    return map("mmap64", at, length, access, flags, fd, from);
}
