/* Executes x87 instructions on the host for F80Test: requests on stdin, answers on stdout.
 * Nothing waits between the instruction and FNCLEX, so that unmasked exceptions are seen in the status word only. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct real { uint64_t significand; uint16_t sign_exponent; uint16_t pad[3]; };
struct request { uint32_t op; uint16_t control, pad; struct real a, b; };
struct answer { struct real first, second; uint64_t memory[2]; uint32_t status, flags; };

static const uint16_t calm = 0x37F;

#define RUN(text) __asm__ volatile("fninit\n\tfldt %[b]\n\tfldt %[a]\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\t" \
    "pushfq\n\tpopq %[fl]\n\tfnclex\n\tfldcw %[calm]\n\tfstpt %[r1]\n\tfstpt %[r2]\n\tfninit" \
    : [r1] "=m"(r->first), [r2] "=m"(r->second), [sw] "=m"(sw), [fl] "=r"(flags), [mem] "+m"(r->memory) \
    : [a] "m"(q->a), [b] "m"(q->b), [cw] "m"(q->control), [calm] "m"(calm) : "cc"); break;
/* For instructions with an operand in memory: it is a, and ST(0) is b. */
#define MEM(text) __asm__ volatile("fninit\n\tfldt %[b]\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\t" \
    "pushfq\n\tpopq %[fl]\n\tfnclex\n\tfldcw %[calm]\n\tfstpt %[r1]\n\tfninit" \
    : [r1] "=m"(r->first), [sw] "=m"(sw), [fl] "=r"(flags) \
    : [a] "m"(q->a), [b] "m"(q->b), [cw] "m"(q->control), [calm] "m"(calm) : "cc"); break;

static void execute(const struct request *q, struct answer *r) {
    uint16_t sw = 0;
    uint64_t flags = 0;
    memset(r, 0, sizeof *r);
    r->memory[0] = r->memory[1] = 0xA5A5A5A5A5A5A5A5;
    switch (q->op) {
        case 0: RUN("fadd %%st(1), %%st") case 1: RUN("fsub %%st(1), %%st")
        case 2: RUN("fmul %%st(1), %%st") case 3: RUN("fdiv %%st(1), %%st") case 4: RUN("fsqrt")
        case 5: RUN("fcom %%st(1)") case 6: RUN("fucom %%st(1)") case 7: RUN("ftst") case 8: RUN("fxam")
        case 9: RUN("frndint") case 10: RUN("fscale") case 11: RUN("fprem") case 12: RUN("fprem1")
        case 13: RUN("fxtract")
        case 14: RUN("fistps %[mem]") case 15: RUN("fistpl %[mem]") case 16: RUN("fistpll %[mem]")
        case 17: RUN("fisttps %[mem]") case 18: RUN("fisttpl %[mem]") case 19: RUN("fisttpll %[mem]")
        case 20: RUN("fstps %[mem]") case 21: RUN("fstpl %[mem]") case 22: RUN("fbstp %[mem]")
        case 23: MEM("flds %[a]") case 24: MEM("fldl %[a]") case 25: MEM("filds %[a]") case 26: MEM("fildl %[a]")
        case 27: MEM("fildll %[a]") case 28: MEM("fbld %[a]") case 29: MEM("fadds %[a]") case 30: MEM("faddl %[a]")
        case 31: MEM("fmuls %[a]") case 32: MEM("fcoml %[a]")
        case 33: RUN("fldl2t") case 34: RUN("fldl2e") case 35: RUN("fldpi") case 36: RUN("fldlg2") case 37: RUN("fldln2")
        case 38: RUN("fcomi %%st(1), %%st") case 39: RUN("fucomi %%st(1), %%st")
        case 40: RUN("fsin") case 41: RUN("fcos") case 42: RUN("fsincos") case 43: RUN("fptan") case 44: RUN("fpatan")
        case 45: RUN("f2xm1") case 46: RUN("fyl2x") case 47: RUN("fyl2xp1") case 48: RUN("fabs") case 49: RUN("fchs")
        default: fprintf(stderr, "no operation %u\n", q->op); exit(2);
    }
    r->status = sw;
    r->flags = flags & 0x45;
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
    size_t n;
    while ((n = receive(requests, sizeof *requests, 4096)) > 0) {
        for (size_t i = 0; i < n; i++) {
            execute(&requests[i], &answers[i]);
        }
        fwrite(answers, sizeof *answers, n, stdout);
        fflush(stdout);
    }
    return 0;
}
