/* Executes scalar SSE, FMA and F16C instructions on the host for SseFloatTest: requests on stdin, answers on stdout. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ucontext.h>

struct request { uint32_t op, mxcsr; uint64_t a, b, c; };
struct answer { uint64_t result; uint32_t mxcsr, trapped; };

static sigjmp_buf escape;
static uint32_t trapped_mxcsr;

static void on_trap(int signal, siginfo_t *info, void *context) {
    (void)signal; (void)info;
    trapped_mxcsr = ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr;
    siglongjmp(escape, 1);
}

typedef double v2 __attribute__((vector_size(16)));
static uint64_t low(v2 x) { uint64_t r; memcpy(&r, &x, 8); return r; }
static v2 xmm(uint64_t x) { v2 r = {0, 0}; memcpy(&r, &x, 8); return r; }

#define RUN(text, out, ...) __asm__ volatile("ldmxcsr %[in]\n\t" text "\n\tstmxcsr %[after]\n\tldmxcsr %[calm]" \
    : out, [after] "=m"(after) : [in] "m"(q->mxcsr), [calm] "m"(calm), __VA_ARGS__)
#define BINARY(n, name) case n: RUN(name " %[b], %[x]", [x] "+x"(x), [b] "x"(b)); r = low(x); break;
#define UNARY(n, name) case n: RUN(name " %[a], %[x]", [x] "+x"(zero), [a] "x"(a)); r = low(zero); break;
#define COMI(n, name) case n: __asm__ volatile("ldmxcsr %[in]\n\t" name " %[b], %[a]\n\tpushfq\n\tpop %[x]\n\tstmxcsr %[after]\n\tldmxcsr %[calm]" \
    : [x] "=r"(r), [after] "=m"(after) : [in] "m"(q->mxcsr), [calm] "m"(calm), [a] "x"(a), [b] "x"(b) : "cc"); r &= 0x45; break;
#define TO_INT(n, text) case n: r = 0; RUN(text, [x] "+r"(r), [a] "x"(a)); break;
#define FROM_INT(n, text) case n: RUN(text, [x] "+x"(zero), [a] "r"(q->a)); r = low(zero); break;
#define FMA(n, name) case n: RUN(name " %[z], %[y], %[x]", [x] "+x"(x), [y] "x"(b), [z] "x"(c)); r = low(x); break;
#define CMP(n, suffix) case n: switch (q->c & 31) { \
    C1(0, suffix) C1(1, suffix) C1(2, suffix) C1(3, suffix) C1(4, suffix) C1(5, suffix) C1(6, suffix) C1(7, suffix) \
    C1(8, suffix) C1(9, suffix) C1(10, suffix) C1(11, suffix) C1(12, suffix) C1(13, suffix) C1(14, suffix) C1(15, suffix) \
    C1(16, suffix) C1(17, suffix) C1(18, suffix) C1(19, suffix) C1(20, suffix) C1(21, suffix) C1(22, suffix) C1(23, suffix) \
    C1(24, suffix) C1(25, suffix) C1(26, suffix) C1(27, suffix) C1(28, suffix) C1(29, suffix) C1(30, suffix) C1(31, suffix) } \
    r = low(zero) & 1; break;
#define C1(i, suffix) case i: RUN("vcmp" suffix " $" #i ", %[b], %[a], %[x]", [x] "+x"(zero), [a] "x"(a), [b] "x"(b)); break;
#define ROUND(n, name) case n: switch (q->c & 15) { R1(0, name) R1(1, name) R1(2, name) R1(3, name) R1(4, name) R1(5, name) \
    R1(6, name) R1(7, name) R1(8, name) R1(9, name) R1(10, name) R1(11, name) R1(12, name) R1(13, name) R1(14, name) R1(15, name) } \
    r = low(zero); break;
#define R1(i, name) case i: RUN(name " $" #i ", %[a], %[x]", [x] "+x"(zero), [a] "x"(a)); break;
#define HALF(n) case n: switch (q->c & 7) { H1(0) H1(1) H1(2) H1(3) H1(4) H1(5) H1(6) H1(7) } r = low(zero) & 0xFFFF; break;
#define H1(i) case i: RUN("vcvtps2ph $" #i ", %[a], %[x]", [x] "+x"(zero), [a] "x"(a)); break;

/* Second vector operands are built from what there is: {a, c} and {b, a ^ c}. */
#define DOT(n, name) case n: x[1] = c[0]; b[1] = xmm(q->a ^ q->c)[0]; switch (q->c & 15) { D1(0x0F, 0, name) D1(0x1F, 1, name) D1(0x2F, 2, name) \
    D1(0x3F, 3, name) D1(0x4F, 4, name) D1(0x5F, 5, name) D1(0x6F, 6, name) D1(0x7F, 7, name) D1(0x8F, 8, name) D1(0x9F, 9, name) \
    D1(0xAF, 10, name) D1(0xBF, 11, name) D1(0xCF, 12, name) D1(0xDF, 13, name) D1(0xEF, 14, name) D1(0xFF, 15, name) } r = low(x); break;
#define D1(imm, i, name) case i: RUN(name " $" #imm ", %[b], %[x]", [x] "+x"(x), [b] "x"(b)); break;

static uint32_t after;
static const uint32_t calm = 0x1F80;

static uint64_t execute(const struct request *q) {
    v2 a = xmm(q->a), b = xmm(q->b), c = xmm(q->c), x = a, zero = xmm(0);
    uint64_t r = 0;
    switch (q->op) {
        BINARY(0, "addsd") BINARY(1, "subsd") BINARY(2, "mulsd") BINARY(3, "divsd") UNARY(4, "sqrtsd")
        BINARY(5, "minsd") BINARY(6, "maxsd") CMP(7, "sd") COMI(8, "ucomisd") COMI(9, "comisd")
        BINARY(10, "addss") BINARY(11, "subss") BINARY(12, "mulss") BINARY(13, "divss") UNARY(14, "sqrtss")
        BINARY(15, "minss") BINARY(16, "maxss") CMP(17, "ss") COMI(18, "ucomiss") COMI(19, "comiss")
        FROM_INT(20, "cvtsi2sdq %[a], %[x]") FROM_INT(21, "cvtsi2ssq %[a], %[x]") FROM_INT(22, "cvtsi2ssl %k[a], %[x]")
        TO_INT(23, "cvtsd2si %[a], %k[x]") TO_INT(24, "cvtsd2si %[a], %[x]")
        TO_INT(25, "cvttsd2si %[a], %k[x]") TO_INT(26, "cvttsd2si %[a], %[x]")
        TO_INT(27, "cvtss2si %[a], %k[x]") TO_INT(28, "cvtss2si %[a], %[x]")
        TO_INT(29, "cvttss2si %[a], %k[x]") TO_INT(30, "cvttss2si %[a], %[x]")
        UNARY(31, "cvtss2sd") UNARY(32, "cvtsd2ss") UNARY(33, "vcvtph2ps") HALF(34)
        ROUND(35, "roundsd") ROUND(36, "roundss")
        FMA(37, "vfmadd213sd") FMA(38, "vfmsub213sd") FMA(39, "vfnmadd213sd") FMA(40, "vfnmsub213sd")
        FMA(41, "vfmadd213ss") FMA(42, "vfmsub213ss") FMA(43, "vfnmadd213ss") FMA(44, "vfnmsub213ss")
        UNARY(45, "rcpss") UNARY(46, "rsqrtss") DOT(47, "dpps") DOT(48, "dppd")
        TO_INT(49, "vcvtsd2usi %[a], %k[x]") TO_INT(50, "vcvtsd2usi %[a], %[x]")
        TO_INT(51, "vcvttsd2usi %[a], %k[x]") TO_INT(52, "vcvttsd2usi %[a], %[x]")
        TO_INT(53, "vcvtss2usi %[a], %k[x]") TO_INT(54, "vcvtss2usi %[a], %[x]")
        TO_INT(55, "vcvttss2usi %[a], %k[x]") TO_INT(56, "vcvttss2usi %[a], %[x]")
        FROM_INT(57, "vcvtusi2sd %[a], %[x], %[x]") FROM_INT(58, "vcvtusi2ss %[a], %[x], %[x]")
        case 59: r = __builtin_cpu_supports("avx512f") != 0; after = 0; break;
        default: fprintf(stderr, "no operation %u\n", q->op); exit(2);
    }
    return r;
}

/* As many whole requests as have come, at least one; none at the end. fread would wait for all of them. */
static size_t receive(void *requests, size_t size, size_t limit) {
    size_t got = 0;
    do {
        ssize_t n = read(0, (char *)requests + got, size * limit - got);
        if (n <= 0) {
            return 0;
        }
        got += n;
    } while (got % size != 0);
    return got / size;
}

int main(void) {
    static struct request requests[4096];
    static struct answer answers[4096];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGFPE, &action, NULL);
    size_t n;
    while ((n = receive(requests, sizeof *requests, 4096)) > 0) {
        for (volatile size_t i = 0; i < n; i++) {
            answers[i].trapped = 0;
            if (sigsetjmp(escape, 1) == 0) {
                answers[i].result = execute(&requests[i]);
                answers[i].mxcsr = after;
            } else {
                answers[i].result = 0;
                answers[i].mxcsr = trapped_mxcsr;
                answers[i].trapped = 1;
            }
        }
        fwrite(answers, sizeof *answers, n, stdout);
        fflush(stdout);
    }
    return 0;
}
