/* Loaded before libc (LD_PRELOAD): counts the calls that change files below one folder, and lets the N-th kill the process or fail.
   Rust, C++ and Python reach the file system through these functions alike. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SPACE = 1, NAME = 2, OTHER = 4 }; /* what a call needs: room, permission for a name, neither */

static char folder[PATH_MAX];
static atomic_long calls;
static long fatal;    /* the call that dies or fails first; 0 for none */
static int error;     /* errno of what fails; 0 for SIGKILL */
static int kinds;     /* the kinds of calls that fail from then on; 0 for that one call alone, whatever it is */

void faults_arm(const char *path, long call, int number, int failing) {
    snprintf(folder, sizeof folder, "%s", path);
    fatal = call, error = number, kinds = failing;
    atomic_store(&calls, 0);
}

long faults_calls(void) { return atomic_load(&calls); }

static int below(const char *path) {
    size_t n = strlen(folder);
    return n && !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

static int below_at(int dir, const char *path) {
    if (!folder[0] || !path) return 0;
    if (path[0] == '/') return below(path);
    char link[64], base[PATH_MAX];
    if (dir == AT_FDCWD) return getcwd(base, sizeof base) && below(base);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, base, sizeof base - 1);
    return n > 0 && (base[n] = 0, below(base));
}

static int below_fd(int fd) {
    if (!folder[0]) return 0;
    char link[64], base[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, base, sizeof base - 1);
    return n > 0 && (base[n] = 0, below(base));
}

/* 1 where this call is the fatal one of a kill, 2 where it has to fail (errno is set then). */
static int fault(int here, int kind) {
    int kept = errno;
    if (!here) return errno = kept, 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    errno = kept;
    if (!fatal || number < fatal) return 0;
    if (!error) return number == fatal;
    if (kinds ? !(kinds & kind) : number != fatal) return 0;
    errno = error;
    return 2;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define GATE(here, kind) \
    do { int f = fault(here, kind); if (f == 1) die(); if (f == 2) return -1; } while (0)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT) GATE(below_at(AT_FDCWD, path), NAME | (flags & O_CREAT ? SPACE : 0)); \
        return real(path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT) GATE(below_at(dir, path), NAME | (flags & O_CREAT ? SPACE : 0)); \
        return real(dir, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(name); \
        if (strpbrk(mode, "wa+")) { \
            int f = fault(below_at(AT_FDCWD, path), NAME | SPACE); if (f == 1) die(); if (f == 2) return NULL; } \
        return real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* A kill in mid-write leaves half of it. */
ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    int f = fault(below_fd(fd), SPACE);
    if (f == 1) { if (n > 1) (void)!real(fd, data, n / 2); die(); }
    return f == 2 ? -1 : real(fd, data, n);
}
#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *data, size_t n, offset_t at) { \
        REAL(name); \
        int f = fault(below_fd(fd), SPACE); \
        if (f == 1) { if (n > 1) (void)!real(fd, data, n / 2, at); die(); } \
        return f == 2 ? -1 : real(fd, data, n, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(writev);
    int f = fault(below_fd(fd), SPACE);
    if (f == 1) { if (n > 1) (void)!real(fd, parts, n / 2); die(); }
    return f == 2 ? -1 : real(fd, parts, n);
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *start, size_t n, unsigned flags) {
    REAL(copy_file_range);
    GATE(below_fd(to), SPACE);
    return real(from, at, to, start, n, flags);
}

#define FD0(name, kind) int name(int fd) { REAL(name); GATE(below_fd(fd), kind); return real(fd); }
FD0(fsync, OTHER)
FD0(fdatasync, OTHER)
int ftruncate(int fd, off_t n) { REAL(ftruncate); GATE(below_fd(fd), OTHER); return real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); GATE(below_fd(fd), OTHER); return real(fd, n); }
int fchmod(int fd, mode_t mode) { REAL(fchmod); GATE(below_fd(fd), OTHER); return real(fd, mode); }
int futimens(int fd, const struct timespec times[2]) { REAL(futimens); GATE(below_fd(fd), OTHER); return real(fd, times); }

int rename(const char *from, const char *to) { REAL(rename); GATE(below_at(AT_FDCWD, to), NAME); return real(from, to); }
int renameat(int a, const char *from, int b, const char *to) { REAL(renameat); GATE(below_at(b, to), NAME); return real(a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    REAL(renameat2);
    GATE(below_at(b, to), NAME);
    return real(a, from, b, to, flags);
}
int link(const char *from, const char *to) { REAL(link); GATE(below_at(AT_FDCWD, to), NAME); return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(linkat);
    GATE(below_at(b, to), NAME);
    return real(a, from, b, to, flags);
}
int symlink(const char *from, const char *to) { REAL(symlink); GATE(below_at(AT_FDCWD, to), NAME | SPACE); return real(from, to); }
int unlink(const char *path) { REAL(unlink); GATE(below_at(AT_FDCWD, path), NAME); return real(path); }
int unlinkat(int dir, const char *path, int flags) { REAL(unlinkat); GATE(below_at(dir, path), NAME); return real(dir, path, flags); }
int rmdir(const char *path) { REAL(rmdir); GATE(below_at(AT_FDCWD, path), NAME); return real(path); }
/* A folder that is there is no call that changes anything: the kernel says EEXIST before it says anything else. */
static int there(int dir, const char *path) {
    int kept = errno, found = !faccessat(dir, path, F_OK, 0);
    return errno = kept, found;
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (!there(AT_FDCWD, path)) GATE(below_at(AT_FDCWD, path), NAME | SPACE);
    return real(path, mode);
}
int mkdirat(int dir, const char *path, mode_t mode) {
    REAL(mkdirat);
    if (!there(dir, path)) GATE(below_at(dir, path), NAME | SPACE);
    return real(dir, path, mode);
}
int chmod(const char *path, mode_t mode) { REAL(chmod); GATE(below_at(AT_FDCWD, path), NAME); return real(path, mode); }
int utimensat(int dir, const char *path, const struct timespec times[2], int flags) {
    REAL(utimensat);
    GATE(below_at(dir, path), NAME);
    return real(dir, path, times, flags);
}
