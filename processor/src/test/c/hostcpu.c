// Runs single instructions on the processor of this host, for the differential test.
//
// usage: hostcpu FILE SLOTS
//
// FILE holds SLOTS slots of 12,288 bytes and is mapped by both sides. A request is four bytes on stdin: the number of
// slots to run (two bytes) and the first of them (two bytes). The answer, on stdout, is the same four bytes once they
// have run. Before each one its index is written to the word behind the slots, so that after a
// death the other side knows whose case it was. On start the program writes one line "ready" or
// "skipped: REASON".
//
// How one instruction is run. Its bytes are put on a code page (all other bytes of it are INT3), the data window is
// filled, the extended state is loaded by XRSTOR, the general registers and RFLAGS by IRETQ. Either RFLAGS has TF set
// and the single-step trap ends the run, or the INT3 behind the instruction ends it. The INT3 form is several times
// faster where a hypervisor intercepts #DB, and is the only one that runs a repeated string instruction to its end or
// shows PUSHF a clear TF; it needs an instruction that does not branch outside the code pages. Every event arrives as
// a signal on an alternative stack; the handler takes the state from the signal frame and goes back to the loop
// without returning from the signal.
#define _GNU_SOURCE
#include <cpuid.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE_BASE 0x10000000UL
#define CODE_SIZE 0x2000UL
#define WINDOW_BASE 0x20000000UL
#define WINDOW_SIZE 0x2000UL
#define MAX_CODE 16

enum { FLAG_SINGLE_STEP = 1, FLAG_32_BIT = 2 };
enum { STATUS_NONE = 0, STATUS_RAN = 1, STATUS_REFUSED = 2 };

// The offsets are known to HostCpu.java and to the assembly below.
struct slot {
    uint32_t flags;
    uint32_t code_length;
    uint8_t code[MAX_CODE];
    uint32_t status;
    uint32_t signal;
    int32_t signal_code;
    uint32_t trap_number;
    uint64_t error_code;
    uint64_t fault_address; // CR2
    uint64_t unused;
    uint64_t gpr[16]; // 64: the encoding's order: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
    uint64_t rip;     // 192
    uint64_t rflags;  // 200
    uint64_t fs_base; // 208
    uint64_t gs_base; // 216
    uint64_t cs;      // 224
    uint8_t pad[24];
    uint8_t fxsave[512];      // 256
    uint64_t xsave_header[8]; // 768
    uint8_t ymm_high[256];    // 832
    uint8_t room[4096 - 1088];
    uint8_t window[WINDOW_SIZE]; // 4096
};

_Static_assert(offsetof(struct slot, gpr) == 64, "layout");
_Static_assert(offsetof(struct slot, rip) == 192, "layout");
_Static_assert(offsetof(struct slot, cs) == 224, "layout");
_Static_assert(offsetof(struct slot, fxsave) == 256, "layout");
_Static_assert(offsetof(struct slot, ymm_high) == 832, "layout");
_Static_assert(sizeof(struct slot) == 12288, "layout");

// Shared with the assembly. Everything is addressed relative to RIP, since no register is ours when an event arrives.
uint64_t hostcpu_stack, hostcpu_own_fs, hostcpu_own_gs, hostcpu_case_fs, hostcpu_case_gs;
volatile int hostcpu_running;
static struct slot *current;
static uint8_t *code_alias;

void hostcpu_launch(struct slot *slot);
void hostcpu_event(int signal, siginfo_t *info, void *context);

__asm__(".text\n"
        ".globl hostcpu_launch\n"
        "hostcpu_launch:\n"
        "  pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "  movq %rsp, hostcpu_stack(%rip)\n"
        "  rdfsbase %rax; movq %rax, hostcpu_own_fs(%rip)\n"
        "  rdgsbase %rax; movq %rax, hostcpu_own_gs(%rip)\n"
        "  movl $-1, %eax; movl $-1, %edx; xrstor64 256(%rdi)\n"
        "  cmpq $0x33, 224(%rdi); je 1f\n"
        "  movl %ss, %eax; movl %eax, %ds; movl %eax, %es\n" // 32-bit code needs data segments
        "1: movl %ss, %eax; pushq %rax\n"
        "  pushq 96(%rdi)\n"  // RSP
        "  pushq 200(%rdi)\n" // RFLAGS
        "  pushq 224(%rdi)\n" // CS
        "  pushq 192(%rdi)\n" // RIP
        "  movq 208(%rdi), %rax; wrfsbase %rax\n"
        "  movq 216(%rdi), %rax; wrgsbase %rax\n"
        "  movl $1, hostcpu_running(%rip)\n"
        "  movq 64(%rdi), %rax; movq 72(%rdi), %rcx; movq 80(%rdi), %rdx; movq 88(%rdi), %rbx\n"
        "  movq 104(%rdi), %rbp; movq 112(%rdi), %rsi\n"
        "  movq 128(%rdi), %r8; movq 136(%rdi), %r9; movq 144(%rdi), %r10; movq 152(%rdi), %r11\n"
        "  movq 160(%rdi), %r12; movq 168(%rdi), %r13; movq 176(%rdi), %r14; movq 184(%rdi), %r15\n"
        "  movq 120(%rdi), %rdi\n"
        "  iretq\n"
        // The kernel enters here with the case's AC and NT flags still set, and its FS base.
        ".globl hostcpu_entry\n"
        "hostcpu_entry:\n"
        "  pushq $0x202; popfq\n"
        "  rdfsbase %rax; movq %rax, hostcpu_case_fs(%rip)\n"
        "  rdgsbase %rax; movq %rax, hostcpu_case_gs(%rip)\n"
        "  xorl %eax, %eax; movl %eax, %ds; movl %eax, %es; movl %eax, %fs; movl %eax, %gs\n"
        "  movq hostcpu_own_fs(%rip), %rax; wrfsbase %rax\n"
        "  movq hostcpu_own_gs(%rip), %rax; wrgsbase %rax\n"
        "  andq $-16, %rsp\n"
        "  call hostcpu_event\n"
        "  movq hostcpu_stack(%rip), %rsp\n"
        "  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "  ret\n");

extern void hostcpu_entry(int, siginfo_t *, void *);

void hostcpu_event(int signal, siginfo_t *info, void *context) {
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    if (!hostcpu_running) {
        _exit(3); // a mistake of this program, not of the case
    }
    hostcpu_running = 0;
    ucontext_t *uc = context;
    const greg_t *regs = uc->uc_mcontext.gregs;
    struct slot *s = current;
    s->status = STATUS_RAN;
    s->signal = (uint32_t)signal;
    s->signal_code = info->si_code;
    s->trap_number = (uint32_t)regs[REG_TRAPNO];
    s->error_code = (uint64_t)regs[REG_ERR];
    s->fault_address = (uint64_t)regs[REG_CR2];
    for (int i = 0; i < 16; i++) {
        s->gpr[i] = (uint64_t)regs[order[i]];
    }
    s->rip = (uint64_t)regs[REG_RIP];
    s->rflags = (uint64_t)regs[REG_EFL];
    s->cs = (uint64_t)regs[REG_CSGSFS] & 0xffff;
    s->fs_base = hostcpu_case_fs;
    s->gs_base = hostcpu_case_gs;
    const uint8_t *frame = (const uint8_t *)uc->uc_mcontext.fpregs;
    memcpy(s->fxsave, frame, 416);
    memset(s->fxsave + 416, 0, 96); // the kernel's own words stand in the reserved end
    memcpy(s->xsave_header, frame + 512, 64);
    if (s->xsave_header[0] & 4) {
        memcpy(s->ymm_high, frame + 576, 256);
    } else {
        memset(s->ymm_high, 0, 256);
    }
    if (s->trap_number == 3 && !(s->flags & FLAG_SINGLE_STEP)) { // our INT3: the instruction before it is complete
        s->trap_number = 1;
        s->rip--;
    }
    memcpy(s->window, (const void *)WINDOW_BASE, WINDOW_SIZE);
}

static int is_legacy_prefix(uint8_t b) {
    switch (b) {
        case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67:
        case 0xf0: case 0xf2: case 0xf3:
            return 1;
        default:
            return 0;
    }
}

// Instructions that would reach the kernel or the hypervisor, or after which this process could not go on.
static int is_refused(const struct slot *s) {
    uint32_t i = 0, n = s->code_length;
    while (i < n && (is_legacy_prefix(s->code[i]) || (!(s->flags & FLAG_32_BIT) && (s->code[i] & 0xf0) == 0x40))) {
        i++;
    }
    uint8_t op = i < n ? s->code[i] : 0, op2 = i + 1 < n ? s->code[i + 1] : 0, op3 = i + 2 < n ? s->code[i + 2] : 0;
    if (op == 0x8e || (op == 0xcd && op2 == 0x80)) { // MOV to a segment register, INT 0x80
        return 1;
    }
    if (s->flags & FLAG_32_BIT) {
        if (op == 0x07 || op == 0x17 || op == 0x1f || ((op == 0xc4 || op == 0xc5) && op2 < 0xc0)) {
            return 1; // POP ES, SS, DS; LES, LDS
        }
    }
    if (op != 0x0f) {
        return 0;
    }
    switch (op2) {
        case 0x05: case 0x34: case 0x07: case 0x35: // SYSCALL, SYSENTER, SYSRET, SYSEXIT
        case 0xa1: case 0xa9:                       // POP FS, GS
        case 0xb2: case 0xb4: case 0xb5:            // LSS, LFS, LGS
            return 1;
        case 0x01:
            return op3 == 0xc1 || op3 == 0xd9 || op3 == 0xef; // VMCALL, VMMCALL, WRPKRU
        default:
            return 0;
    }
}

static int is_canonical(uint64_t address) {
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static void run(struct slot *s) {
    uint64_t offset = s->rip - CODE_BASE;
    if (s->code_length == 0 || s->code_length > MAX_CODE || offset >= CODE_SIZE
        || s->code_length > CODE_SIZE - offset || !is_canonical(s->fs_base) || !is_canonical(s->gs_base)
        || is_refused(s)) {
        s->status = STATUS_REFUSED;
        return;
    }
    memcpy(code_alias + offset, s->code, s->code_length);
    memcpy((void *)WINDOW_BASE, s->window, WINDOW_SIZE);
    s->rflags = (s->rflags & 0x244cd5) | 0x202 | (s->flags & FLAG_SINGLE_STEP ? 0x100 : 0); // status, DF, NT, AC, ID
    s->cs = s->flags & FLAG_32_BIT ? 0x23 : 0x33;
    memset(s->xsave_header, 0, sizeof s->xsave_header);
    s->xsave_header[0] = 7;
    uint32_t mxcsr;
    memcpy(&mxcsr, s->fxsave + 24, 4);
    mxcsr &= 0xffff;
    memcpy(s->fxsave + 24, &mxcsr, 4);
    current = s;
    hostcpu_launch(s);
    memset(code_alias + offset, 0xcc, s->code_length);
}

static int skip(const char *reason) {
    printf("skipped: %s\n", reason);
    return 2;
}

static int read_fully(void *to, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(0, (char *)to + done, length - done);
        if (got <= 0) {
            return 0;
        }
        done += (size_t)got;
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: hostcpu FILE SLOTS\n");
        return 2;
    }
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) {
        return skip("the host processor has no AVX");
    }
    if (!(getauxval(AT_HWCAP2) & 2)) {
        return skip("the host kernel does not allow WRFSBASE");
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    long slots = atol(argv[2]);
    size_t bytes = (size_t)slots * sizeof(struct slot) + 4096;
    int file = open(argv[1], O_RDWR);
    uint8_t *shared = file < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED) {
        return skip("the shared file cannot be mapped");
    }
    struct slot *slot = (struct slot *)shared;
    volatile uint32_t *mark = (uint32_t *)(shared + (size_t)slots * sizeof(struct slot));

    // The code pages are seen twice: executable where the cases run, writable elsewhere, so that no case writes them.
    int memory = memfd_create("code", 0);
    if (memory < 0 || ftruncate(memory, CODE_SIZE) != 0) {
        return skip("no memory for code");
    }
    code_alias = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    void *code = mmap((void *)CODE_BASE, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, memory, 0);
    void *window = mmap((void *)WINDOW_BASE, WINDOW_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    size_t stack_size = 65536;
    void *stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code_alias == MAP_FAILED || code != (void *)CODE_BASE || window != (void *)WINDOW_BASE
        || stack == MAP_FAILED) {
        return skip("the fixed addresses of the differential test are taken");
    }
    memset(code_alias, 0xcc, CODE_SIZE);

    stack_t alternative = {.ss_sp = stack, .ss_size = stack_size};
    sigaltstack(&alternative, NULL);
    struct sigaction action = {.sa_sigaction = hostcpu_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }

    printf("ready\n");
    fflush(stdout);
    uint16_t request[2]; // count, first
    while (read_fully(request, sizeof request)) {
        // A case that never ends is killed by the processor time of its batch, and found by its mark.
        struct itimerval limit = {.it_value = {.tv_sec = 2}};
        setitimer(ITIMER_PROF, &limit, NULL);
        for (long i = request[1]; i < request[1] + request[0] && i < slots; i++) {
            *mark = (uint32_t)i;
            run(&slot[i]);
        }
        if (write(1, request, sizeof request) != sizeof request) {
            return 1;
        }
    }
    return 0;
}
