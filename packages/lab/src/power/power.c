/*
 * Sees what a process writes to files. Loaded with LD_PRELOAD.
 *
 * A full disk: while the file POWER_FULL is there, each write to a file whose path begins with POWER_FULL_FILES is refused, and adds a byte
 * to POWER_FULL. Overwriting is refused too, as on a file system that takes new blocks for it.
 *
 * Records what a process writes to files and has not synced, so that a loss of power can be played: the lab kills the processes and puts
 * each file back to what was synced. POWER_FILES is the directory whose files count, and POWER_LOG a directory with one
 * undo log for each of them, named after its inode.
 *
 * A record in an undo log is a struct record and the bytes that the write replaces. A sync of the file empties its log, whichever process
 * syncs. A lock on the log makes a record and its write one step, so that a sync covers either both or none. Names of files are durable at once, as
 * on a file system with a journal; contents are durable when they are synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
  uint64_t offset;  /* of the write */
  uint64_t written; /* its length */
  uint64_t size;    /* of the file before it */
  uint64_t replaced; /* the number of bytes that follow: what it replaces */
};

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static ssize_t next_write(int fd, const void *data, size_t length) { return syscall(SYS_write, fd, data, length); }
static ssize_t next_pread(int fd, void *data, size_t length, off_t at) { return syscall(SYS_pread64, fd, data, length, at); }

static int log_of(ino_t inode, int flags) {
  const char *directory = getenv("POWER_LOG");
  char path[PATH_MAX];
  if (directory == NULL) return -1;
  snprintf(path, sizeof path, "%s/%llu", directory, (unsigned long long)inode);
  return syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
}

/* Whether the descriptor is a regular file whose path begins so. */
static int is_below(const char *files, int fd, struct stat *status) {
  char link[64], path[PATH_MAX];
  if (files == NULL || fstat(fd, status) != 0 || !S_ISREG(status->st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, files, strlen(files)) == 0;
}

static int counts(int fd, struct stat *status) { return is_below(getenv("POWER_FILES"), fd, status); }

/* Whether a write is to be refused because the disk is full. Sets errno then, and only then. */
static int is_full(int fd) {
  const char *full = getenv("POWER_FULL");
  struct stat status;
  int error = errno;
  int refusals = full == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, full, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  int refused = refusals >= 0 && is_below(getenv("POWER_FULL_FILES"), fd, &status);
  if (refused) (void)!next_write(refusals, "x", 1);
  if (refusals >= 0) syscall(SYS_close, refusals);
  errno = refused ? ENOSPC : error;
  return refused;
}

/* Reads through a descriptor of its own, as a file may be open for writing only. */
static int readable(int fd) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
}

static void append_all(int log, const void *data, size_t length) {
  for (const char *at = data; length > 0;) {
    ssize_t done = next_write(log, at, length);
    if (done <= 0) return;
    at += done;
    length -= done;
  }
}

/* Locks the file's log, and adds what a write at that place replaces. Returns the log, which `done` unlocks, or -1. */
static int begin(int fd, off_t offset, size_t length) {
  struct stat status;
  int error = errno;
  if (!counts(fd, &status)) { errno = error; return -1; }
  int log = log_of(status.st_ino, O_WRONLY | O_CREAT | O_APPEND);
  if (log < 0) { errno = error; return -1; }
  flock(log, LOCK_EX);
  fstat(fd, &status);
  struct record record = {offset, length, status.st_size, 0};
  if (offset < status.st_size) record.replaced = (uint64_t)(status.st_size - offset) < length ? (uint64_t)(status.st_size - offset) : length;
  char *before = record.replaced > 0 ? malloc(record.replaced) : NULL;
  if (before != NULL) {
    int source = readable(fd);
    ssize_t got = source < 0 ? -1 : next_pread(source, before, record.replaced, offset);
    if (source >= 0) syscall(SYS_close, source);
    if (got < 0) got = 0;
    record.replaced = got;
  }
  append_all(log, &record, sizeof record);
  append_all(log, before, record.replaced);
  free(before);
  errno = error;
  return log;
}

static void done(int log) {
  if (log >= 0) syscall(SYS_close, log);
}

static off_t place(int fd) {
  int flags = fcntl(fd, F_GETFL);
  struct stat status;
  if (flags >= 0 && (flags & O_APPEND) && fstat(fd, &status) == 0) return status.st_size;
  return lseek(fd, 0, SEEK_CUR);
}

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int index = 0; index < count; index++) sum += parts[index].iov_len;
  return sum;
}

/* A descriptor that syncs each write leaves nothing to undo. */
static void settle(int fd, int log) {
  int flags = log < 0 ? -1 : fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_DSYNC)) (void)!ftruncate(log, 0);
}

ssize_t write(int fd, const void *data, size_t length) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return next_write(fd, data, length);
  if (is_full(fd)) return -1;
  int log = begin(fd, place(fd), length);
  ssize_t result = next_write(fd, data, length);
  settle(fd, log);
  done(log);
  return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  if (is_full(fd)) return -1;
  int log = begin(fd, at, length);
  ssize_t result = syscall(SYS_pwrite64, fd, data, length, at);
  settle(fd, log);
  done(log);
  return result;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  struct stat status;
  int isFile = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (isFile && is_full(fd)) return -1;
  int log = isFile ? begin(fd, place(fd), total(parts, count)) : -1;
  ssize_t result = syscall(SYS_writev, fd, parts, count);
  settle(fd, log);
  done(log);
  return result;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  if (is_full(fd)) return -1;
  int log = begin(fd, at, total(parts, count));
  ssize_t result = NEXT(ssize_t (*)(int, const struct iovec *, int, off64_t), "pwritev64")(fd, parts, count, at);
  settle(fd, log);
  done(log);
  return result;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

/* What is cut off, or the length that is added, is undone as a write from the smaller of both lengths on. */
int ftruncate64(int fd, off64_t length) {
  struct stat status;
  int log = -1;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t from = length < status.st_size ? length : status.st_size;
    off_t until = length < status.st_size ? status.st_size : length;
    if (until > from) log = begin(fd, from, until - from);
  }
  int result = syscall(SYS_ftruncate, fd, length);
  done(log);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int posix_fallocate64(int fd, off64_t at, off64_t length) {
  int error = errno;
  if (is_full(fd)) { errno = error; return ENOSPC; }
  int log = begin(fd, at, length);
  int result = NEXT(int (*)(int, off64_t, off64_t), "posix_fallocate64")(fd, at, length);
  done(log);
  return result;
}

int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
  int takesRoom = (mode & FALLOC_FL_PUNCH_HOLE) == 0;
  if (takesRoom && is_full(fd)) return -1;
  int log = takesRoom ? begin(fd, at, length) : -1;
  int result = syscall(SYS_fallocate, fd, mode, at, length);
  done(log);
  return result;
}

int fallocate(int fd, int mode, off_t at, off_t length) { return fallocate64(fd, mode, at, length); }

static int synced(int fd, long number) {
  struct stat status;
  int error = errno;
  int log = counts(fd, &status) ? log_of(status.st_ino, O_WRONLY) : -1;
  if (log >= 0) flock(log, LOCK_EX);
  errno = error;
  int result = syscall(number, fd);
  if (log >= 0 && result == 0) (void)!ftruncate(log, 0);
  done(log);
  return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* An inode without a name is free to be used again, and must not be undone then. */
static void forget(int directory, const char *path) {
  struct stat status;
  const char *log = getenv("POWER_LOG");
  char name[PATH_MAX];
  int error = errno;
  if (log != NULL && fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) {
    snprintf(name, sizeof name, "%s/%llu", log, (unsigned long long)status.st_ino);
    syscall(SYS_unlinkat, AT_FDCWD, name, 0);
  }
  errno = error;
}

int unlink(const char *path) {
  forget(AT_FDCWD, path);
  return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int remove(const char *path) {
  struct stat status;
  int isDirectory = lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  if (!isDirectory) forget(AT_FDCWD, path);
  return syscall(SYS_unlinkat, AT_FDCWD, path, isDirectory ? AT_REMOVEDIR : 0);
}

int unlinkat(int directory, const char *path, int flags) {
  if (!(flags & AT_REMOVEDIR)) forget(directory, path);
  return syscall(SYS_unlinkat, directory, path, flags);
}

int rename(const char *from, const char *to) {
  struct stat one, other;
  if (stat(from, &one) == 0 && stat(to, &other) == 0 && one.st_ino != other.st_ino) forget(AT_FDCWD, to);
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* A file that is emptied when it is opened is undone like one that is cut. */
static int opened(int directory, const char *path, int flags, mode_t mode) {
  if (!(flags & O_TRUNC) || getenv("POWER_FILES") == NULL) return syscall(SYS_openat, directory, path, flags, mode);
  int fd = syscall(SYS_openat, directory, path, flags & ~O_TRUNC, mode);
  struct stat status;
  if (fd < 0) return fd;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (flags & O_ACCMODE) != O_RDONLY && ftruncate64(fd, 0) != 0) {
    int error = errno;
    syscall(SYS_close, fd);
    errno = error;
    return -1;
  }
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int directory, const char *path, int flags, ...) { MODE(flags) return opened(directory, path, flags, mode); }
int openat64(int directory, const char *path, int flags, ...) { MODE(flags) return opened(directory, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
