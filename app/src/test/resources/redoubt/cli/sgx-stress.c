// SPDX-License-Identifier: Apache-2.0
/*
 * sgx-stress IMAGE SECONDS WORKERS NAP KILL
 *
 * WORKERS processes of two threads each build the enclave of IMAGE, work in it, add pages to it, restrict, extend and trim
 * them, and let it go, again and again, with a timer signal every few milliseconds. About every KILL microseconds one of
 * them is killed wherever it is, and another one takes its place. NAP is the longest sleep of a worker between two pieces
 * of work, in microseconds. After SECONDS all are killed. Prints what was done; the status is 1 if an answer was wrong.
 *
 * IMAGE: per run of pages a page that begins with four 64-bit words (offset, pages, SECINFO.FLAGS, whether measured) and a page
 * of content; the last run is the heap. Then a run of no pages, whose content begins with the SIGSTRUCT. Ioctls: arch/x86/include/uapi/asm/sgx.h.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;

enum { PAGE = 4096, MOST_WORKERS = 64, MOST_NEW_PAGES = 24 };
enum { READ = 1, WRITE = 2, EXECUTE = 4, PENDING = 8, MODIFIED = 0x10, RESTRICTED = 0x20, REG = 0x200, TRIM = 0x400 };
enum { FILL, CHECK, SPIN, ACCEPT, EXTEND };
static const u64 SIZE = 8UL << 20, NEW_PAGES = 4UL << 20;

struct add { u64 source, offset, length, secinfo, flags, count; };
struct restriction { u64 offset, length, permissions, result, count; };
struct type_change { u64 offset, length, type, result, count; };
struct removal { u64 offset, length, count; };
#define IOC_CREATE _IOW(0xa4, 0, u64)
#define IOC_ADD _IOWR(0xa4, 1, struct add)
#define IOC_INIT _IOW(0xa4, 2, u64)
#define IOC_RESTRICT _IOWR(0xa4, 5, struct restriction)
#define IOC_TYPE _IOWR(0xa4, 6, struct type_change)
#define IOC_REMOVE _IOWR(0xa4, 7, struct removal)

struct run { u64 offset, pages, flags, measured; char zero[PAGE - 32], content[PAGE]; };

/* struct sgx_enclave_run */
struct entry { u64 tcs; u32 function; u16 vector, error_code; u64 address, handler, data; char reserved[216]; };

/* What all processes count in. */
static struct counts {
    char sparing[MOST_WORKERS];
    u64 built, entered, signals, filled, checked, spins, added, restricted, trimmed, let_go, kills, deaths, wrong;
} *counts;

static struct run *image;
static int runs;
static u64 nap_limit;
static void *vdso_enter;
static int edmm = 1;

/* This worker, and its enclave. */
static int self;
static int fd;
static u64 base;
static struct run *heap;
static volatile int stop_second;
static u64 random_state[2] = {1, 2};

static void count(u64 *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static u64 any(int thread, u64 limit) {
    u64 x = random_state[thread];
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random_state[thread] = x;
    return x % limit;
}

static u64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000UL + t.tv_nsec / 1000;
}

/* Sleeps whatever signals come. */
static void nap(u64 microseconds) {
    for (u64 at = now(), end = at + microseconds; at < end; at = now()) {
        usleep(end - at);
    }
}

static void wrong(const char *what, long value, long detail) {
    count(&counts->wrong);
    printf("wrong: %s: %ld (0x%lx), %ld\n", what, value, value, detail);
    fflush(stdout);
    _exit(3);
}

static void on_signal(int number) {
    (void)number;
    count(&counts->signals);
}

/* The vDSO's function by its name in the vDSO's symbol table. */
static void *find_enter(void) {
    char *vdso = (char *)getauxval(AT_SYSINFO_EHDR), *names = 0;
    Elf64_Ehdr *header = (Elf64_Ehdr *)vdso;
    Elf64_Phdr *program = (Elf64_Phdr *)(vdso + header->e_phoff);
    Elf64_Sym *symbols = 0;
    u32 *hash = 0;
    for (int i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type != PT_DYNAMIC) {
            continue;
        }
        for (Elf64_Dyn *d = (Elf64_Dyn *)(vdso + program[i].p_offset); d->d_tag; d++) {
            void *at = vdso + d->d_un.d_ptr;
            names = d->d_tag == DT_STRTAB ? at : names;
            symbols = d->d_tag == DT_SYMTAB ? at : symbols;
            hash = d->d_tag == DT_HASH ? at : hash;
        }
    }
    for (u32 i = 0; hash && i < hash[1]; i++) {
        if (!strcmp(names + symbols[i].st_name, "__vdso_sgx_enter_enclave")) {
            return vdso + symbols[i].st_value;
        }
    }
    return 0;
}

long call_enter(u64 rdi, u64 rsi, u64 rdx, u64 function, u64 r8, u64 r9, struct entry *entry, void *vdso);
__asm__("call_enter: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " mov 64(%rsp), %rax\n push 56(%rsp)\n call *%rax\n add $8, %rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

/* Enters with thread's TCS; the enclave's answer. */
static u64 enter(int thread, u64 what, u64 address, u64 n, u64 value) {
    struct entry entry;
    u64 answer = -1;
    memset(&entry, 0, sizeof entry);
    entry.tcs = base + thread * PAGE;
    long r = call_enter(what, address, n, 2, value, (u64)&answer, &entry, vdso_enter);
    if (r || entry.function != 4) {
        printf("vector %d, error code 0x%x, address 0x%lx of enclave at 0x%lx\n", entry.vector, entry.error_code,
               entry.address, base);
        wrong("entry", r, what);
    }
    count(&counts->entered);
    return answer;
}

static void must(const char *what, u64 answer) {
    if (answer) {
        wrong(what, answer, 0);
    }
}

/* An ioctl of a range that may be interrupted on its way: goes on where it was. */
static void range_ioctl(unsigned long request, u64 *range, u64 *done, const char *what) {
    for (int tries = 0; range[1]; tries++) {
        int r = ioctl(fd, request, range);
        range[0] += *done;
        range[1] -= *done;
        *done = 0;
        if (r && errno != EINTR && errno != EAGAIN && errno != EBUSY) {
            wrong(what, errno, range[0]);
        }
        if (tries == 10000) {
            wrong("stuck", errno, range[0]);
        }
        if (r) {
            sched_yield();
        }
    }
}

/*
 * Linux up to 6.1 at least keeps an enclave for ever when a signal, SIGKILL too, comes while the mmap notifier of its first
 * mapping in an address space is registered (sgx_encl_mm_add does not give back its reference). So no signal comes here.
 */
static void spare(int yes) {
    sigset_t all;
    sigfillset(&all);
    if (yes) {
        sigprocmask(SIG_BLOCK, &all, 0);
        while (__atomic_exchange_n(&counts->sparing[self], 1, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
    } else {
        __atomic_store_n(&counts->sparing[self], 0, __ATOMIC_RELEASE);
        sigprocmask(SIG_UNBLOCK, &all, 0);
    }
}

static void build(void) {
    static unsigned char secs[PAGE] __attribute__((aligned(4096)));
    fd = open("/dev/sgx_enclave", O_RDWR);
    char *room = mmap(0, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd < 0 || room == MAP_FAILED) {
        wrong("open", errno, fd);
    }
    base = ((u64)room + SIZE - 1) & -SIZE;
    *(u64 *)secs = SIZE;
    *(u64 *)(secs + 8) = base;
    *(u32 *)(secs + 16) = 1;
    *(u64 *)(secs + 48) = 4;
    *(u64 *)(secs + 56) = 3;
    u64 argument = (u64)secs;
    if (ioctl(fd, IOC_CREATE, &argument)) {
        wrong("ECREATE", errno, 0);
    }
    for (int i = 0; i < runs; i++) {
        u64 secinfo[8] __attribute__((aligned(64))) = {image[i].flags};
        for (u64 page = 0; page < image[i].pages; page++) {
            struct add add = {(u64)image[i].content, image[i].offset + page * PAGE, PAGE, (u64)secinfo,
                              image[i].measured, 0};
            for (int tries = 0; ioctl(fd, IOC_ADD, &add); tries++) {
                if ((errno != EINTR && errno != EAGAIN && errno != EBUSY) || tries == 10000) {
                    wrong("EADD", errno, add.offset);
                }
                if (add.count) {
                    break;
                }
                sched_yield();
            }
        }
    }
    heap = image + runs - 1;
    argument = (u64)image[runs].content;
    int r;
    while ((r = ioctl(fd, IOC_INIT, &argument)) && (errno == EINTR || errno == EAGAIN)) {
    }
    if (r) {
        wrong("EINIT", r, errno);
    }
    spare(1);
    for (int i = 0; i < runs; i++) {
        int access = image[i].flags & EXECUTE ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE;
        if (mmap((void *)(base + image[i].offset), image[i].pages * PAGE, access, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED) {
            wrong("mmap", errno, i);
        }
    }
    if (mmap((void *)(base + NEW_PAGES), SIZE - NEW_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
        MAP_FAILED) {
        wrong("mmap of new pages", errno, 0);
    }
    spare(0);
    count(&counts->built);
    munmap(room, base - (u64)room);
    munmap((char *)base + SIZE, (u64)room + SIZE - base);
}

static void let_go(void) {
    munmap((void *)base, SIZE);
    close(fd);
    count(&counts->let_go);
}

/* Half of the heap belongs to each thread. */
static u64 half(int thread) {
    return base + heap->offset + thread * (heap->pages / 2) * PAGE;
}

static void fill_and_check(int thread, u64 at, u64 pages) {
    u64 value = any(thread, 1UL << 40);
    enter(thread, FILL, at, pages, value);
    count(&counts->filled);
    if (any(thread, 2)) {
        nap(any(thread, nap_limit + 1));
    }
    must("words that are not as filled", enter(thread, CHECK, at, pages, value));
    count(&counts->checked);
}

static void spin(int thread) {
    must("registers changed", enter(thread, SPIN, 0, 1000 + any(thread, 200000), any(thread, -1UL)));
    count(&counts->spins);
}

static void *second(void *ignored) {
    (void)ignored;
    while (!stop_second) {
        if (any(1, 3)) {
            spin(1);
        } else {
            fill_and_check(1, half(1), 1 + any(1, heap->pages / 2));
        }
        nap(any(1, nap_limit + 1));
    }
    return 0;
}

static void add_and_trim(void) {
    u64 pages = 1 + any(0, MOST_NEW_PAGES), offset = NEW_PAGES + any(0, (SIZE - NEW_PAGES) / PAGE - pages) * PAGE;
    u64 at = base + offset;
    if (any(0, 2)) { /* EAUG by a touch from outside, which reads ones; else by EACCEPT's page fault */
        for (u64 i = 0; i < pages; i++) {
            u64 read = *(volatile u64 *)(at + i * PAGE);
            if (~read) {
                wrong("outside sees a page", read, at + i * PAGE);
            }
        }
    }
    must("EACCEPT of new pages", enter(0, ACCEPT, at, pages, READ | WRITE | PENDING | REG));
    fill_and_check(0, at, pages);
    count(&counts->added);
    struct type_change change = {offset, pages * PAGE, TRIM >> 8, 0, 0};
    range_ioctl(IOC_TYPE, &change.offset, &change.count, "EMODT");
    must("EACCEPT of trimmed pages", enter(0, ACCEPT, at, pages, MODIFIED | TRIM));
    struct removal removal = {offset, pages * PAGE, 0};
    range_ioctl(IOC_REMOVE, &removal.offset, &removal.count, "removal");
    count(&counts->trimmed);
}

static void restrict_and_extend(void) {
    u64 pages = 1 + any(0, MOST_NEW_PAGES), at = half(0) + any(0, heap->pages / 2 - pages) * PAGE;
    struct restriction restriction = {at - base, pages * PAGE, READ, 0, 0};
    range_ioctl(IOC_RESTRICT, &restriction.offset, &restriction.count, "EMODPR");
    must("EACCEPT of restricted pages", enter(0, ACCEPT, at, pages, READ | RESTRICTED | REG));
    enter(0, EXTEND, at, pages, READ | WRITE | REG);
    fill_and_check(0, at, pages);
    count(&counts->restricted);
}

static void work(u64 seed) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 3700 + 500 * self}, {0, 1000}};
    random_state[0] = seed;
    random_state[1] = ~seed;
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &timer, 0);
    for (;;) {
        pthread_t thread;
        build();
        stop_second = 0;
        if (pthread_create(&thread, 0, second, 0)) {
            wrong("thread", errno, 0);
        }
        for (int left = 1 + any(0, 8); left; left--) {
            switch (any(0, edmm ? 5 : 2)) {
            case 0:
                spin(0);
                break;
            case 1:
                fill_and_check(0, half(0), 1 + any(0, heap->pages / 2));
                break;
            case 2:
                restrict_and_extend();
                break;
            default:
                add_and_trim();
                break;
            }
            nap(any(0, nap_limit + 1));
        }
        if (!any(0, 4)) {
            _exit(0); /* with the second thread where it is, perhaps inside */
        }
        if (!any(0, 4)) { /* a second address space with the enclave in it */
            spare(1);
            pid_t child = fork();
            if (!child) {
                _exit(0);
            }
            spare(0);
            waitpid(child, 0, 0);
        }
        stop_second = 1;
        pthread_join(thread, 0);
        let_go();
    }
}

static void load(const char *name) {
    int file = open(name, O_RDONLY);
    long size = lseek(file, 0, SEEK_END);
    int n = size / (long)sizeof(struct run);
    if (file < 0 || n < 2) {
        perror(name);
        exit(2);
    }
    image = mmap(0, size, PROT_READ, MAP_PRIVATE, file, 0);
    runs = n - 1;
}

static void buried(pid_t dead, int status, pid_t *workers, int n) {
    count(&counts->deaths);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        printf("wrong: a worker died of signal %d\n", WTERMSIG(status));
        count(&counts->wrong);
    }
    for (int i = 0; i < n; i++) {
        workers[i] = workers[i] == dead ? 0 : workers[i];
    }
}

int main(int argc, char **argv) {
    pid_t workers[MOST_WORKERS];
    if (argc != 6) {
        return 2;
    }
    load(argv[1]);
    u64 end = now() + atol(argv[2]) * 1000000UL, kill_every = atol(argv[5]);
    int n = atoi(argv[3]);
    nap_limit = atol(argv[4]);
    edmm = !getenv("SGX1");
    vdso_enter = find_enter();
    counts = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!vdso_enter || n > MOST_WORKERS) {
        return 2;
    }
    memset(workers, 0, sizeof workers);
    int status;
    for (u64 seed = 1; now() < end;) {
        for (int i = 0; i < n; i++) {
            if (!workers[i]) {
                workers[i] = fork();
                seed += 0x9e3779b97f4a7c15;
                if (!workers[i]) {
                    self = i;
                    work(seed);
                }
            }
        }
        nap(1 + any(0, 2 * kill_every));
        int victim = any(0, n);
        while (__atomic_exchange_n(&counts->sparing[victim], 1, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
        kill(workers[victim], SIGKILL);
        count(&counts->kills);
        buried(waitpid(workers[victim], &status, 0), status, workers, n);
        counts->sparing[victim] = 0;
        for (pid_t dead; (dead = waitpid(-1, &status, WNOHANG)) > 0;) {
            buried(dead, status, workers, n);
        }
        if (counts->wrong) {
            break;
        }
    }
    for (int i = 0; i < n; i++) {
        while (__atomic_exchange_n(&counts->sparing[i], 1, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
        if (workers[i]) {
            kill(workers[i], SIGKILL);
        }
    }
    while (wait(0) > 0) {
    }
    printf("built %lu entered %lu signals %lu filled %lu checked %lu spins %lu added %lu restricted %lu trimmed %lu "
           "let-go %lu kills %lu deaths %lu wrong %lu\n",
           counts->built, counts->entered, counts->signals, counts->filled, counts->checked, counts->spins, counts->added,
           counts->restricted, counts->trimmed, counts->let_go, counts->kills, counts->deaths, counts->wrong);
    return counts->wrong ? 1 : 0;
}
