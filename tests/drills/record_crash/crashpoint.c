/* Ends the process at a chosen file operation, as kill -9 or as a power cut would.
 *
 * Preloaded into a process, it counts every call below ROOT that changes a file, a name, or what is known to be on disk.
 * At the chosen one it ends the process: before the call, after it (a write half done), or as a power cut: then
 * what was written since the last sync of its file is taken back, sector by sector and at random, and so are the last
 * changes of names since the last sync of their directory. Only what was synced is sure to stay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum how { BEFORE, TORN, POWER_CUT };
enum change { CREATED, MADE, LINKED, UNLINKED, RENAMED };

#define SECTOR 512
#define FILES 4096
#define CHANGES 4096

/* `old` holds, by number, the synced content of each sector that was written to since. */
struct file { ino_t inode; int descriptor; off_t synced_size; char **old; off_t sectors; };
struct name_change { enum change kind; char from[PATH_MAX], to[PATH_MAX], kept[PATH_MAX]; };

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static __thread int inside;
static char root[PATH_MAX], keep[PATH_MAX];
static long count, at = -1;
static enum how how;
static unsigned seed;
static struct file files[FILES];
static int file_count;
static struct name_change *changes;
static int change_count, kept_count;

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })

/* Called by the process itself, once, before it opens anything below `below`. */
void crash_arm(const char *below, const char *keep_in, long at_call, int in_which_way, unsigned with_seed)
{
    snprintf(root, sizeof root, "%s", below);
    snprintf(keep, sizeof keep, "%s", keep_in);
    count = 0;
    at = at_call;
    how = in_which_way;
    seed = with_seed;
    changes = calloc(CHANGES, sizeof *changes);
    if (!changes) abort();
}

long crash_count(void) { return count; }

static int is_below_root(const char *path)
{
    return root[0] && path && strncmp(path, root, strlen(root)) == 0;
}

static int path_of(int descriptor, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0 && is_below_root(path);
}

static void absolute(const char *path, char *whole)
{
    if (path[0] == '/' || !getcwd(whole, PATH_MAX / 2)) snprintf(whole, PATH_MAX, "%s", path);
    else snprintf(whole + strlen(whole), PATH_MAX / 2, "/%s", path);
}

static void parent_of(const char *path, char *parent)
{
    snprintf(parent, PATH_MAX, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0;
}

static struct file *file_of(int descriptor)
{
    struct stat facts;
    char path[64];
    if (fstat(descriptor, &facts) || !S_ISREG(facts.st_mode)) return NULL;
    for (int i = 0; i < file_count; i++)
        if (files[i].inode == facts.st_ino) return &files[i];
    if (file_count == FILES) abort();
    /* A descriptor of its own, never closed: closing one would drop the process's locks on the file. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    struct file *file = &files[file_count++];
    file->inode = facts.st_ino;
    file->descriptor = open(path, O_RDWR | O_CLOEXEC);
    file->synced_size = facts.st_size;
    return file;
}

static void remember(struct file *file, off_t from, off_t to)
{
    if (how != POWER_CUT || to <= from) return;
    off_t needed = (to - 1) / SECTOR + 1;
    if (needed > file->sectors) {
        file->old = realloc(file->old, needed * sizeof *file->old);
        if (!file->old) abort();
        memset(file->old + file->sectors, 0, (needed - file->sectors) * sizeof *file->old);
        file->sectors = needed;
    }
    for (off_t number = from / SECTOR; number < needed; number++) {
        if (file->old[number]) continue;
        file->old[number] = calloc(1, SECTOR);
        if (!file->old[number] || pread(file->descriptor, file->old[number], SECTOR, number * SECTOR) < 0) abort();
    }
}

static void forget(struct file *file)
{
    struct stat facts;
    for (off_t number = 0; number < file->sectors; number++) free(file->old[number]);
    free(file->old);
    file->old = NULL;
    file->sectors = 0;
    if (fstat(file->descriptor, &facts)) abort();
    file->synced_size = facts.st_size;
}

static void forget_names(const char *directory)
{
    int left = 0;
    char parent[PATH_MAX];
    for (int i = 0; i < change_count; i++) {
        parent_of(changes[i].kind == RENAMED || changes[i].kind == LINKED ? changes[i].to : changes[i].from, parent);
        if (strcmp(parent, directory) != 0) changes[left++] = changes[i];
    }
    change_count = left;
}

static void take_back_content(void)
{
    for (struct file *file = files; file < files + file_count; file++) {
        struct stat facts;
        for (off_t number = 0; number < file->sectors; number++)
            if (file->old[number] && rand_r(&seed) % 2)
                if (REAL(pwrite64)(file->descriptor, file->old[number], SECTOR, number * SECTOR) < 0) abort();
        if (fstat(file->descriptor, &facts)) abort();
        if (facts.st_size > file->synced_size && rand_r(&seed) % 2)
            if (REAL(ftruncate64)(file->descriptor, file->synced_size)) abort();
    }
}

static void take_back_names(void)
{
    int lost = change_count ? rand_r(&seed) % (change_count + 1) : 0;
    while (lost--) {
        struct name_change *change = &changes[--change_count];
        if (change->kind == CREATED) REAL(unlink)(change->from);
        if (change->kind == MADE) {
            snprintf(change->kept, PATH_MAX, "%.200s/%d", keep, kept_count++);
            REAL(rename)(change->from, change->kept);
            continue;
        }
        if (change->kind == LINKED) REAL(unlink)(change->to);
        if (change->kind == RENAMED) REAL(rename)(change->to, change->from);
        if (change->kept[0]) REAL(rename)(change->kept, change->kind == RENAMED ? change->to : change->from);
    }
}

static void end(void)
{
    if (how == POWER_CUT) {
        take_back_content();
        take_back_names();
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static struct name_change *note(enum change kind, const char *from, const char *to)
{
    if (change_count == CHANGES) abort();
    struct name_change *change = &changes[change_count++];
    memset(change, 0, sizeof *change);
    change->kind = kind;
    absolute(from, change->from);
    if (to) absolute(to, change->to);
    return change;
}

static void keep_what_is_at(struct name_change *change, const char *path)
{
    snprintf(change->kept, PATH_MAX, "%.200s/%d", keep, kept_count++);
    if (REAL(link)(path, change->kept)) change->kept[0] = 0;
}

/* Each operation: counted, ended at if it is the one, else done, and noted for a power cut. */
#define ENTER(tracked) int mine = !inside && at >= 0 && (tracked); \
    if (mine) { pthread_mutex_lock(&one_at_a_time); inside = 1; if (++count == at && how != TORN) end(); }
#define LEAVE if (mine) { int kept_errno = errno; if (count == at) end(); inside = 0; \
    pthread_mutex_unlock(&one_at_a_time); errno = kept_errno; }

static void before_write(int descriptor, off_t from, size_t length)
{
    struct file *file = file_of(descriptor);
    if (file) remember(file, from, from + (off_t)length);
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    char path[PATH_MAX];
    struct stat facts;
    ENTER(path_of(descriptor, path))
    if (mine) {
        int appends = (fcntl(descriptor, F_GETFL) & O_APPEND) && fstat(descriptor, &facts) == 0;
        before_write(descriptor, appends ? facts.st_size : lseek(descriptor, 0, SEEK_CUR), length);
        if (count == at && how == TORN) length = length / 2;
    }
    ssize_t done = REAL(write)(descriptor, bytes, length);
    LEAVE
    return done;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset)
{
    char path[PATH_MAX];
    ENTER(path_of(descriptor, path))
    if (mine) {
        before_write(descriptor, offset, length);
        if (count == at && how == TORN) length = length / 2;
    }
    ssize_t done = REAL(pwrite64)(descriptor, bytes, length, offset);
    LEAVE
    return done;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    return pwrite64(descriptor, bytes, length, offset);
}

static int truncated(int descriptor, off_t size)
{
    char path[PATH_MAX];
    struct stat facts;
    ENTER(path_of(descriptor, path))
    struct file *file = mine ? file_of(descriptor) : NULL;
    if (file && fstat(descriptor, &facts) == 0) remember(file, size, facts.st_size);
    int done = REAL(ftruncate64)(descriptor, size);
    LEAVE
    return done;
}

int ftruncate64(int descriptor, off_t size) { return truncated(descriptor, size); }
int ftruncate(int descriptor, off_t size) { return truncated(descriptor, size); }

static int synced(int descriptor, int (*real)(int))
{
    char path[PATH_MAX];
    struct stat facts;
    ENTER(path_of(descriptor, path))
    int done = real(descriptor);
    if (mine && done == 0 && fstat(descriptor, &facts) == 0) {
        if (S_ISDIR(facts.st_mode)) forget_names(path);
        else if (file_of(descriptor)) forget(file_of(descriptor));
    }
    LEAVE
    return done;
}

int fsync(int descriptor) { return synced(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return synced(descriptor, REAL(fdatasync)); }

int rename(const char *from, const char *to)
{
    ENTER(is_below_root(from))
    if (mine) keep_what_is_at(note(RENAMED, from, to), to);
    int done = REAL(rename)(from, to);
    LEAVE
    return done;
}

int unlink(const char *path)
{
    ENTER(is_below_root(path))
    if (mine) {
        struct name_change *change = note(UNLINKED, path, NULL);
        keep_what_is_at(change, path);
        if (!change->kept[0]) change_count--;
    }
    int done = REAL(unlink)(path);
    LEAVE
    return done;
}

int link(const char *from, const char *to)
{
    ENTER(is_below_root(to))
    int done = REAL(link)(from, to);
    if (mine && done == 0) note(LINKED, from, to);
    LEAVE
    return done;
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    ENTER(is_below_root(to))
    int done = REAL(linkat)(from_directory, from, to_directory, to, flags);
    if (mine && done == 0) note(LINKED, from, to);
    LEAVE
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    ENTER(is_below_root(path))
    int done = REAL(mkdir)(path, mode);
    if (mine && done == 0) note(MADE, path, NULL);
    LEAVE
    return done;
}

static int opened(const char *path, int flags, mode_t mode, int (*real)(const char *, int, ...))
{
    ENTER((flags & O_CREAT) && is_below_root(path) && access(path, F_OK) != 0)
    int descriptor = real(path, flags, mode);
    if (mine && descriptor >= 0) note(CREATED, path, NULL);
    LEAVE
    /* A file that was there when it is first opened is on disk as it is: its size is noted before it is written to. */
    if (descriptor >= 0 && at >= 0 && !inside && is_below_root(path) && (flags & O_ACCMODE) != O_RDONLY) {
        pthread_mutex_lock(&one_at_a_time);
        inside = 1;
        file_of(descriptor);
        inside = 0;
        pthread_mutex_unlock(&one_at_a_time);
    }
    return descriptor;
}

#define MODE mode_t mode = 0; if (flags & O_CREAT) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE return opened(path, flags, mode, REAL(open)); }
int open64(const char *path, int flags, ...) { MODE return opened(path, flags, mode, REAL(open64)); }
