/* Loaded before libc: counts what asks for memory and gives it back, in the whole process and on one watched thread. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static long count, watched_count;
static int watched;
static char told[4096];                     /* who called on the watched thread first */
static __thread int self __attribute__((tls_model("initial-exec")));
static __thread int telling __attribute__((tls_model("initial-exec")));

long allocations(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }

/* From now on calls of this kernel thread are counted by themselves, from 0; 0: of none. */
void watch(int thread) {
    __atomic_store_n(&watched, 0, __ATOMIC_SEQ_CST);
    told[0] = 0;
    __atomic_store_n(&watched_count, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&watched, thread, __ATOMIC_SEQ_CST);
}

/* malloc, calloc, realloc, memalign and free of the watched thread. */
long watched_calls(void) { return __atomic_load_n(&watched_count, __ATOMIC_SEQ_CST); }
const char *watched_first(void) { return told; }

static void tell(const char *what) {
    void *frames[12];
    Dl_info place;
    int i, n, length = snprintf(told, sizeof told, "%s", what);
    telling = 1;
    n = backtrace(frames, 12);
    for (i = 2; i < n && length < (int)sizeof told - 200; i++) {
        if (dladdr(frames[i], &place) && place.dli_fname) {
            const char *file = strrchr(place.dli_fname, '/');
            length += snprintf(told + length, sizeof told - length, " < %.40s:%.60s", file ? file + 1 : place.dli_fname,
                               place.dli_sname ? place.dli_sname : "?");
        }
    }
    telling = 0;
}

static void note(const char *what) {
    int thread = __atomic_load_n(&watched, __ATOMIC_RELAXED);
    if (!thread) return;
    if (!self) self = (int)syscall(SYS_gettid);
    if (self == thread && !telling && __atomic_fetch_add(&watched_count, 1, __ATOMIC_RELAXED) == 0) tell(what);
}

static void ask(const char *what) { __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED); note(what); }

void *malloc(size_t size) { ask("malloc"); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { ask("calloc"); return __libc_calloc(number, size); }
void *realloc(void *memory, size_t size) { ask("realloc"); return __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { ask("memalign"); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { ask("aligned_alloc"); return __libc_memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
    ask("posix_memalign");
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}
void free(void *memory) { note("free"); __libc_free(memory); }
