// SPDX-License-Identifier: Apache-2.0
/*
 * sgx-load FILE [--css FILE] [--debug] [--no-enter]
 *
 * Takes an enclave file through Linux's SGX driver: ECREATE, EADD and EEXTEND, EINIT, then one EENTER of its first TCS,
 * and prints what each returned. Formats: Intel's SDK (.note.sgxmeta), Open Enclave (.oeinfo), SGXS streams.
 *
 * Freestanding on purpose, without a C library: it is compiled by tcc inside the guest when the guest's image is made, so
 * that nobody needs a C compiler, whatever the host is. What the formats mean is also told by redoubt.enclave; that both
 * agree is what EINIT checks. Sources: arch/x86/include/uapi/asm/sgx.h; linux-sgx psw/urts/loader.cpp; openenclave
 * host/sgx/create.c and loadelf.c; fortanix/rust-sgx's description of SGXS.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

enum { PAGE = 4096, SIGSTRUCT = 1808, SECINFO_TCS = 0x100, SECINFO_REG = 0x200, ALL = 0xffff };
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_LSEEK = 8, SYS_MMAP = 9, SYS_MUNMAP = 11,
       SYS_IOCTL = 16, SYS_EXIT = 60, SYS_SYSLOG = 103 };
#define ATTRIBUTE_DEBUG 2UL
#define ATTRIBUTE_PROVISIONKEY 0x10UL
#define IOC_CREATE 0x4008a400UL
#define IOC_ADD_PAGES 0xc030a401UL
#define IOC_INIT 0x4008a402UL
#define IOC_PROVISION 0x4008a403UL

s64 call6(s64 number, s64 a, s64 b, s64 c, s64 d, s64 e, s64 f);
s64 enter(void *vdso_function, void *run);
u64 left_rdi, left_rsi;

__asm__(".text\n"
        ".globl call6\n"
        "call6: mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n mov %r8, %r10\n mov %r9, %r8\n"
        " mov 8(%rsp), %r9\n syscall\n ret\n"
        /* The vDSO's function with all arguments of the enclave zero; keeps what the enclave left in RDI and RSI. */
        ".globl enter\n"
        "enter: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " sub $8, %rsp\n mov %rdi, %rax\n push %rsi\n push $0\n pop %rdi\n xor %esi, %esi\n xor %edx, %edx\n"
        " mov $2, %ecx\n xor %r8d, %r8d\n xor %r9d, %r9d\n call *%rax\n add $16, %rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        " mov %rdi, left_rdi(%rip)\n mov %rsi, left_rsi(%rip)\n ret\n"
        ".globl _start\n"
        "_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");

/* What the vDSO tells of an entry: struct sgx_enclave_run. */
struct run {
    u64 tcs;
    u32 function;
    u16 vector;
    u16 error_code;
    u64 address;
    u64 handler;
    u64 data;
    u8 reserved[216];
};

static const char *program = "sgx-load";
static const char *file_name = "";

static s64 call3(s64 number, s64 a, s64 b, s64 c) {
    return call6(number, a, b, c, 0, 0, 0);
}

/* ---- text */

static u64 length(const char *s) {
    u64 n = 0;
    while (s[n]) {
        n++;
    }
    return n;
}

static int same(const void *a, const void *b, u64 n) {
    const u8 *x = a, *y = b;
    for (u64 i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return 0;
        }
    }
    return 1;
}

static int is(const char *a, const char *b) {
    return length(a) == length(b) && same(a, b, length(a));
}

static void copy(void *to, const void *from, u64 n) {
    u8 *x = to;
    const u8 *y = from;
    for (u64 i = 0; i < n; i++) {
        x[i] = y[i];
    }
}

/* Compilers call these for initial values and assignments of structures. */
void *memcpy(void *to, const void *from, u64 n) {
    copy(to, from, n);
    return to;
}

void *memmove(void *to, const void *from, u64 n) {
    return memcpy(to, from, n);
}

void *memset(void *to, int value, u64 n) {
    u8 *x = to;
    for (u64 i = 0; i < n; i++) {
        x[i] = (u8)value;
    }
    return to;
}

static void write_to(int fd, const char *s) {
    call3(SYS_WRITE, fd, (s64)s, length(s));
}

static void out(const char *s) {
    write_to(1, s);
}

static void out_number(u64 value, int base) {
    char digits[24];
    int at = 23;
    digits[at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    out(base == 16 ? "0x" : "");
    out(digits + at);
}

static void out_signed(s64 value) {
    if (value < 0) {
        out("-");
        value = -value;
    }
    out_number(value, 10);
}

static void leave(int status) {
    for (;;) {
        call3(SYS_EXIT, status, 0, 0);
    }
}

static void fail(const char *what) {
    write_to(2, program);
    write_to(2, ": ");
    write_to(2, file_name);
    write_to(2, ": ");
    write_to(2, what);
    write_to(2, "\n");
    leave(125);
}

/* ---- files and memory */

struct bytes {
    u8 *at;
    u64 size;
};

static void *map(void *where, u64 size, int prot, int flags, int fd) {
    s64 at = call6(SYS_MMAP, (s64)where, size, prot, flags, fd, 0);
    return at < 0 && at > -4096 ? 0 : (void *)at;
}

/* Zeroed memory; the process's end gives it back. */
static void *memory(u64 size) {
    void *at = map(0, (size + PAGE - 1) & -PAGE, 3, 0x22, -1);
    if (!at) {
        fail("out of memory");
    }
    return at;
}

/* A file, writable without changing it. */
static struct bytes file(const char *name) {
    struct bytes f;
    s64 fd = call3(SYS_OPEN, (s64)name, 0, 0);
    file_name = name;
    if (fd < 0) {
        fail("cannot be opened");
    }
    s64 size = call3(SYS_LSEEK, fd, 0, 2);
    if (size <= 0) {
        fail("is empty or cannot be read");
    }
    f.size = size;
    f.at = map(0, size, 3, 2, fd);
    if (!f.at) {
        fail("cannot be read");
    }
    call3(SYS_CLOSE, fd, 0, 0);
    return f;
}

static u8 *within(struct bytes f, u64 offset, u64 size) {
    if (offset > f.size || size > f.size - offset) {
        fail("truncated or damaged");
    }
    return f.at + offset;
}

static u64 get(struct bytes f, u64 offset, int size) {
    u8 *at = within(f, offset, size);
    u64 value = 0;
    for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put64(u8 *at, u64 value) {
    for (int i = 0; i < 8; i++) {
        at[i] = value >> 8 * i;
    }
}

static u64 get64(const u8 *at) {
    struct bytes b = {(u8 *)at, 8};
    return get(b, 0, 8);
}

static u64 up(u64 value) {
    return (value + PAGE - 1) & -PAGE;
}

static u64 power_of_two(u64 value) {
    u64 size = 1;
    while (size < value) {
        size <<= 1;
    }
    return size;
}

/* ---- the layout: runs of pages in the order in which they are added */

struct pages {
    u64 offset;
    u64 count;
    u64 flags;
    u32 measured;
    u8 *content; /* of each page */
};

static struct {
    const char *format;
    u64 size;
    u64 ssa_frame_size;
    u64 attributes;
    u64 xfrm;
    u32 miscselect;
    u8 *sigstruct;
    struct pages *runs;
    u64 count, room;
} enclave;

static void add(u64 offset, u64 count, u64 flags, u32 measured, u8 *content) {
    if (enclave.count == enclave.room) {
        struct pages *more = memory(2 * (enclave.room + 512) * sizeof(struct pages));
        copy(more, enclave.runs, enclave.count * sizeof(struct pages));
        enclave.runs = more;
        enclave.room = 2 * (enclave.room + 512);
    }
    struct pages *run = enclave.runs + enclave.count++;
    run->offset = offset;
    run->count = count;
    run->flags = flags;
    run->measured = measured;
    run->content = content;
}

static u8 *filled(u32 value) {
    u8 *page = memory(PAGE);
    for (int i = 0; i < PAGE; i++) {
        page[i] = value >> 8 * (i & 3);
    }
    return page;
}

/* ---- SGXS */

static void read_sgxs(struct bytes f) {
    struct pages *run = 0;
    enclave.format = "SGXS";
    enclave.ssa_frame_size = get(f, 8, 4);
    enclave.size = get(f, 12, 8);
    enclave.attributes = 4;
    enclave.xfrm = 3;
    for (u64 at = 64; at < f.size;) {
        u8 *tag = within(f, at, 64);
        u64 offset = get(f, at + 8, 8);
        if (same(tag, "EADD\0\0\0", 8)) {
            add(offset, 1, get(f, at + 16, 8), 0, memory(PAGE));
            run = enclave.runs + enclave.count - 1;
            at += 64;
        } else if (same(tag, "EEXTEND", 8) || same(tag, "UNMEASRD", 8)) {
            if (!run || offset < run->offset || offset - run->offset > PAGE - 256 || offset & 255) {
                fail("not a canonical SGXS stream");
            }
            copy(run->content + (offset - run->offset), within(f, at + 64, 256), 256);
            if (tag[0] == 'E') {
                run->measured |= 1 << (offset - run->offset) / 256;
            }
            at += 64 + 256;
        } else {
            fail("not a record of an SGXS stream");
        }
    }
}

/* ---- ELF */

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_TLS = 7, DT_PLTRELSZ = 2, DT_RELA = 7, DT_RELASZ = 8, DT_TEXTREL = 22,
       DT_JMPREL = 23 };

struct segment {
    u32 type, flags;
    u64 offset, address, file_bytes, memory_bytes, align;
};

static int segment_count(struct bytes f) {
    return get(f, 56, 2);
}

static struct segment segment(struct bytes f, int index) {
    u64 at = get(f, 32, 8) + 56 * (u64)index;
    struct segment s;
    s.type = get(f, at, 4);
    s.flags = get(f, at + 4, 4);
    s.offset = get(f, at + 8, 8);
    s.address = get(f, at + 16, 8);
    s.file_bytes = get(f, at + 32, 8);
    s.memory_bytes = get(f, at + 40, 8);
    s.align = get(f, at + 48, 8);
    if (s.type == PT_LOAD) {
        within(f, s.offset, s.file_bytes);
    }
    return s;
}

static u64 access(u32 segment_flags) {
    return (segment_flags >> 2 & 1) | (segment_flags & 2) | (segment_flags & 1) << 2;
}

struct section {
    int found;
    u64 address, offset, size, align, entry;
};

static struct section section(struct bytes f, const char *name) {
    u64 headers = get(f, 40, 8), names = get(f, headers + 64 * get(f, 62, 2) + 24, 8);
    struct section s = {0, 0, 0, 0, 0, 0};
    for (u64 i = 0; i < get(f, 60, 2); i++) {
        u64 at = headers + 64 * i, text = names + get(f, at, 4);
        if (text < f.size && length(name) < f.size - text && same(f.at + text, name, length(name) + 1)) {
            s.found = 1;
            s.address = get(f, at + 16, 8);
            s.offset = get(f, at + 24, 8);
            s.size = get(f, at + 32, 8);
            s.align = get(f, at + 48, 8);
            return s;
        }
    }
    return s;
}

/* ---- Intel's SDK */

static struct bytes sdk;   /* the file */
static u64 meta;           /* the metadata within it */
static u64 shift;          /* of the image within ELRANGE */
static u8 *relocated;      /* a byte a page: text relocations make it writable */
static u64 relocated_pages;

static void relocations(u64 address, u64 size) {
    for (int i = 0; i < segment_count(sdk); i++) {
        struct segment s = segment(sdk, i);
        if (s.type != PT_LOAD || !address || address < s.address || address - s.address >= s.file_bytes) {
            continue;
        }
        for (u64 at = s.offset + (address - s.address); size >= 24; at += 24, size -= 24) {
            for (u64 byte = 0; byte < 8 && get(sdk, at + 8, 4); byte += 7) {
                u64 page = (get(sdk, at, 8) + byte) / PAGE;
                if (page < relocated_pages) {
                    relocated[page] = 1;
                }
            }
        }
        return;
    }
}

static void find_text_relocations(void) {
    u64 tags[DT_JMPREL + 1];
    int textrel = 0;
    memset(tags, 0, sizeof tags);
    relocated_pages = enclave.size / PAGE < 1 << 20 ? enclave.size / PAGE : 1 << 20;
    relocated = memory(relocated_pages + 1);
    for (int i = 0; i < segment_count(sdk); i++) {
        struct segment s = segment(sdk, i);
        if (s.type != PT_DYNAMIC) {
            continue;
        }
        for (u64 at = s.offset; at < s.offset + s.file_bytes && get(sdk, at, 8); at += 16) {
            u64 tag = get(sdk, at, 8);
            textrel |= tag == DT_TEXTREL;
            if (tag <= DT_JMPREL) {
                tags[tag] = get(sdk, at + 8, 8);
            }
        }
    }
    if (textrel) {
        relocations(tags[DT_RELA], tags[DT_RELASZ]);
        relocations(tags[DT_JMPREL], tags[DT_PLTRELSZ]);
    }
}

static void add_region(u8 *content, u64 bytes, u64 rva, u64 memory_bytes, u64 flags, int may_be_relocated) {
    u64 end = rva + memory_bytes;
    while (bytes) {
        u64 in_page = rva & (PAGE - 1), n = PAGE - in_page < bytes ? PAGE - in_page : bytes;
        u8 *page = memory(PAGE);
        u64 number = rva / PAGE;
        copy(page + in_page, content, n);
        add((rva & -PAGE) + shift, 1,
            may_be_relocated && number < relocated_pages && relocated[number] ? flags | 2 : flags, ALL, page);
        rva += PAGE - in_page;
        content += n;
        bytes -= n;
    }
    if (end > rva) {
        add((rva & -PAGE) + shift, (up(end) - (rva & -PAGE)) / PAGE, flags, ALL, memory(PAGE));
    }
}

static u64 directory(int index, int field) {
    return get(sdk, meta + 64 + SIGSTRUCT + 8 * index + 4 * field, 4);
}

/* Metadata 1.3 counted a segment's pages by its size alone. */
static void add_gap(struct segment *last, struct segment *next) {
    u64 end = up(last->address + last->memory_bytes);
    if (end < up(up(last->memory_bytes) + last->address) && (!next || end < (next->address & -PAGE))) {
        add(end + shift, 1, SECINFO_REG | access(last->flags), ALL, memory(PAGE));
    }
}

static void add_segments(struct bytes elf, u64 rva, int gaps) {
    struct segment last;
    int any = 0;
    for (int i = 0; i < segment_count(elf); i++) {
        struct segment s = segment(elf, i);
        if (s.type != PT_LOAD) {
            continue;
        }
        if (gaps && any) {
            add_gap(&last, &s);
        }
        if (!any || s.address > last.address) {
            last = s;
            any = 1;
        }
        add_region(elf.at + s.offset, s.file_bytes, rva + s.address, s.memory_bytes, SECINFO_REG | access(s.flags), 1);
    }
    if (gaps && any) {
        add_gap(&last, 0);
    }
}

static void add_entry(u64 at, u64 delta) {
    u32 attributes = get(sdk, at + 2, 2), bytes = get(sdk, at + 16, 4), offset = get(sdk, at + 20, 4);
    u64 count = get(sdk, at + 4, 4), rva = get(sdk, at + 8, 8) + delta, flags = get(sdk, at + 24, 8);
    u32 measured = attributes & 2 ? ALL : 0;
    if (!(attributes & 1) || !count) {
        return;
    }
    if (offset) {
        u8 *content = within(sdk, meta + offset, bytes);
        if (flags != SECINFO_TCS) {
            add_region(content, bytes, rva, count * PAGE, flags, 0);
            return;
        }
        u8 *page = memory(PAGE);
        copy(page, content, bytes < PAGE ? bytes : PAGE);
        put64(page + 16, get64(page + 16) + rva); /* OSSA */
        put64(page + 48, get64(page + 48) + rva); /* OFSBASE */
        put64(page + 56, get64(page + 56) + rva); /* OGSBASE */
        add(rva + shift, count, flags, measured, page);
    } else if (flags) {
        add(rva + shift, count, flags, measured, filled(bytes));
    }
}

static void add_table(u64 from, u64 to, u64 delta, int groups) {
    for (u64 at = from; at < to; at += 32) {
        if (!(get(sdk, at, 2) & 1 << 12)) {
            add_entry(at, delta);
            continue;
        }
        u64 entries = get(sdk, at + 2, 2), times = get(sdk, at + 4, 4), step = get(sdk, at + 8, 8);
        if (!groups || at - from < entries * 32) {
            fail("damaged: a group of the layout repeats what is not before it");
        }
        for (u64 i = 1; i <= times; i++) {
            add_table(at - entries * 32, at, delta + i * step, 0);
        }
    }
}

/* A second ELF file within the first, laid out after it. */
static void add_shared_object(u64 version) {
    u64 major = (version >> 32) % 10, minor = version & 0xffffffff;
    if (!(major == 1 && minor >= 5) && !(major >= 3 && minor >= 2)) {
        return;
    }
    for (u64 at = meta + directory(3, 0), end = at + directory(3, 1); at < end; at += 16) {
        if (get(sdk, at, 4) == 0x1002) {
            u64 entry = meta + get(sdk, at + 8, 4);
            struct bytes elf;
            elf.size = get(sdk, entry + 16, 8);
            elf.at = within(sdk, get(sdk, entry, 8), elf.size);
            add_segments(elf, get(sdk, entry + 8, 8), 0);
            return;
        }
    }
}

static void read_sdk(struct bytes f, struct section note) {
    u64 best = 0, at = note.offset + 12 + get(f, note.offset, 4);
    u64 end = at + get(f, note.offset + 4, 4);
    sdk = f;
    while (at + 64 + SIGSTRUCT < end && get(f, at, 8) == 0x86a80294635d0e4cUL) {
        if (get(f, at + 8, 8) > best) {
            best = get(f, at + 8, 8);
            meta = at;
        }
        if (!get(f, at + 16, 4)) {
            break;
        }
        at += get(f, at + 16, 4);
    }
    if (!best) {
        fail("no metadata; sign it with the SDK's tool first");
    }
    enclave.format = "Intel SGX SDK";
    enclave.ssa_frame_size = get(f, meta + 24, 4);
    enclave.miscselect = get(f, meta + 32, 4);
    enclave.size = get(f, meta + 40, 8);
    enclave.attributes = get(f, meta + 48, 8);
    enclave.xfrm = get(f, meta + 56, 8);
    enclave.sigstruct = memory(PAGE);
    copy(enclave.sigstruct, within(f, meta + 64, SIGSTRUCT), SIGSTRUCT);
    find_text_relocations();
    if (best >> 32 > 10) {
        u64 range = meta + directory(2, 0);
        shift = get(f, range, 8) - get(f, range + 8, 8);
        enclave.size = get(f, range + 16, 8);
    }
    for (u64 patch = meta + directory(0, 0), last = patch + directory(0, 1); patch < last; patch += 32) {
        u64 n = get(f, patch + 12, 4);
        copy(within(f, get(f, patch, 8), n), within(f, meta + get(f, patch + 8, 4), n), n);
    }
    add_segments(f, 0, best == (1UL << 32 | 3));
    add_shared_object(best);
    add_table(meta + directory(1, 0), meta + directory(1, 0) + directory(1, 1), 0, 1);
}

/* ---- Open Enclave */

enum { PROPERTIES = 1960, TCS_TO_DATA = 4 };

static struct bytes image;

static u64 tls_bytes(struct section s) {
    u64 align = s.align ? s.align : 1;
    return s.found ? (s.size + align - 1) / align * align : 0;
}

static void set_symbol(const char *name, struct bytes symbols, struct bytes strings, u64 value, int own_address) {
    for (u64 at = 0; at + 24 <= symbols.size; at += 24) {
        u64 text = get(symbols, at, 4);
        if (text < strings.size && length(name) < strings.size - text
                && same(strings.at + text, name, length(name) + 1)) {
            u64 address = get(symbols, at + 8, 8);
            put64(within(image, address, 8), own_address ? address : value);
        }
    }
}

static struct bytes contents(struct bytes f, struct section s) {
    struct bytes b = {0, 0};
    if (s.found) {
        b.at = within(f, s.offset, s.size);
        b.size = s.size;
    }
    return b;
}

static void read_open_enclave(struct bytes f, struct section info) {
    u64 end = 0, start = 0;
    for (int i = 0; i < segment_count(f); i++) {
        struct segment s = segment(f, i);
        if (s.type == PT_LOAD && s.address + s.memory_bytes > end) {
            end = s.address + s.memory_bytes;
        }
        for (u64 at = s.offset; s.type == PT_DYNAMIC && at < s.offset + s.file_bytes && get(f, at, 8); at += 16) {
            if (get(f, at, 8) == 1) {
                fail("it needs a second module (DT_NEEDED); only enclaves of one file are known");
            }
        }
    }
    if (end > 1UL << 32) {
        fail("damaged: a segment is too far up");
    }
    image.size = up(end);
    image.at = memory(image.size);
    for (int i = 0; i < segment_count(f); i++) {
        struct segment s = segment(f, i);
        if (s.type == PT_LOAD) {
            copy(within(image, s.address, s.file_bytes), f.at + s.offset, s.file_bytes);
        }
    }
    struct section tdata = section(f, ".tdata"), tbss = section(f, ".tbss");
    for (int i = 0; i < segment_count(f); i++) {
        struct segment s = segment(f, i);
        if (s.type == PT_TLS && s.address == tdata.address) {
            tdata.align = s.align;
        }
    }
    u64 tls = up(tls_bytes(tdata) + tls_bytes(tbss));
    struct bytes dynamic = contents(f, section(f, ".rela.dyn")), plt = contents(f, section(f, ".rela.plt"));
    struct bytes symbols = contents(f, section(f, ".dynsym")), strings = contents(f, section(f, ".dynstr"));
    struct bytes table = {0, 0};
    if (dynamic.size) {
        table.size = up(dynamic.size + plt.size);
        table.at = memory(table.size);
        copy(table.at, dynamic.at, dynamic.size);
        copy(table.at + dynamic.size, plt.at, plt.size);
        for (u64 at = 0; at + 24 <= table.size; at += 24) {
            u64 symbol = get(table, at + 12, 4);
            if (get(table, at + 8, 4) == 18 && symbol < symbols.size / 24) { /* R_X86_64_TPOFF64 */
                put64(table.at + at + 16, get(symbols, symbol * 24 + 8, 8));
            }
        }
    }
    u8 *p = within(image, info.address, PROPERTIES);
    u64 heap = get64(p + 8), stack = get64(p + 16), threads = get64(p + 24), flags = get64(p + 36);
    if (heap > 1UL << 28 || stack > 1UL << 28 || threads > 1UL << 16) {
        fail("damaged: sizes in .oeinfo");
    }
    if (flags & 2) {
        start = get64(p + 88);
    }
    u64 heap_at = image.size + table.size;
    u64 thread = (1 + stack + 1 + TCS_TO_DATA + 1) * PAGE + tls;
    u64 loaded = heap_at + heap * PAGE + threads * thread;
    enclave.format = "Open Enclave";
    enclave.size = power_of_two(start ? loaded + start : loaded);
    enclave.ssa_frame_size = 1;
    enclave.attributes = get64(p + 72) & ~ATTRIBUTE_DEBUG;
    enclave.xfrm = 3;
    enclave.miscselect = flags & 1;
    enclave.sigstruct = memory(PAGE);
    copy(enclave.sigstruct, p + 144, SIGSTRUCT);

    u64 facts[6] = {info.address, PROPERTIES, image.size, table.size, heap_at, power_of_two(loaded)};
    for (int i = 0; i < 6; i++) {
        put64(p + 96 + 8 * i, facts[i]);
    }
    memset(p + 144, 0, SIGSTRUCT);
    set_symbol("_enclave_rva", symbols, strings, 0, 1);
    set_symbol("_reloc_rva", symbols, strings, image.size, 0);
    set_symbol("_reloc_size", symbols, strings, table.size, 0);
    set_symbol("_td_from_tcs_offset", symbols, strings, tls + TCS_TO_DATA * PAGE, 0);
    if (tdata.size) {
        set_symbol("_tdata_rva", symbols, strings, tdata.address, 0);
        set_symbol("_tdata_size", symbols, strings, tdata.size, 0);
        set_symbol("_tdata_align", symbols, strings, tdata.align, 0);
    }
    if (tbss.size) {
        set_symbol("_tbss_size", symbols, strings, tbss.size, 0);
        set_symbol("_tbss_align", symbols, strings, tbss.align, 0);
    }

    for (int i = 0; i < segment_count(f); i++) {
        struct segment s = segment(f, i);
        for (u64 at = s.address & -PAGE; s.type == PT_LOAD && at < s.address + s.memory_bytes; at += PAGE) {
            add(start + at, 1, SECINFO_REG | access(s.flags), ALL, image.at + at);
        }
    }
    for (u64 at = 0; at < table.size; at += PAGE) {
        add(start + image.size + at, 1, SECINFO_REG | 1, ALL, table.at + at);
    }
    u64 rw = SECINFO_REG | 3, at = start + heap_at + heap * PAGE;
    u8 *zeros = memory(PAGE);
    if (heap) {
        add(start + heap_at, heap, rw, 0, zeros);
    }
    for (u64 i = 0; i < threads; i++, at += thread) {
        u64 tcs_at = at + (stack + 2) * PAGE, data = tcs_at + TCS_TO_DATA * PAGE + tls;
        u8 *tcs = memory(PAGE);
        if (stack) {
            add(at + PAGE, stack, rw, ALL, filled(0xcccccccc));
        }
        put64(tcs + 16, tcs_at + PAGE);
        put64(tcs + 24, 2UL << 32);
        put64(tcs + 32, start + get(f, 24, 8));
        put64(tcs + 48, data);
        put64(tcs + 56, data);
        put64(tcs + 64, -1);
        add(tcs_at, 1, SECINFO_TCS, ALL, tcs);
        add(tcs_at + PAGE, 2, rw, ALL, zeros);
        if (tls) {
            add(tcs_at + TCS_TO_DATA * PAGE, tls / PAGE, rw, ALL, zeros);
        }
        add(data, 1, rw, ALL, zeros);
    }
}

/* ---- the driver */

static u64 xcr0(void) {
    u32 low, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return low | (u64)high << 32;
}

static const char *sgx_error(s64 code) {
    switch (code) {
    case 1: return " SGX_INVALID_SIG_STRUCT";
    case 2: return " SGX_INVALID_ATTRIBUTE";
    case 4: return " SGX_INVALID_MEASUREMENT";
    case 8: return " SGX_INVALID_SIGNATURE";
    case 16: return " SGX_INVALID_EINITTOKEN";
    case 32: return " SGX_INVALID_CPUSVN";
    case 64: return " SGX_INVALID_ISVSVN";
    case 128: return " SGX_UNMASKED_EVENT";
    default: return "";
    }
}

static void result(const char *what, s64 value) {
    out(what);
    out_signed(value);
    out(value == -1     ? " EPERM"
        : value == -5   ? " EIO"
        : value == -12  ? " ENOMEM"
        : value == -13  ? " EACCES"
        : value == -14  ? " EFAULT"
        : value == -22  ? " EINVAL"
                        : "");
}

/* The driver turns EINIT's code into -EPERM and tells it to the kernel's log alone, if asked to. */
static void ask_for_einit_codes(void) {
    const char *wish = "module sgx +p\nfile ioctl.c func sgx_encl_init +p\n";
    s64 fd = call3(SYS_OPEN, (s64)"/proc/dynamic_debug/control", 1, 0);
    if (fd >= 0) {
        const char *second = wish + 14;
        call3(SYS_WRITE, fd, (s64)wish, 13);
        call3(SYS_WRITE, fd, (s64)second, length(second) - 1);
        call3(SYS_CLOSE, fd, 0, 0);
    }
}

static s64 last_einit_code(void) {
    const char *text = "EINIT returned ";
    char *log = memory(1 << 20);
    s64 n = call3(SYS_SYSLOG, 3, (s64)log, (1 << 20) - 1), code = -1;
    for (s64 i = 0; i + 15 < n; i++) {
        if (same(log + i, text, 15)) {
            code = 0;
            for (s64 at = i + 15; at < n && log[at] >= '0' && log[at] <= '9'; at++) {
                code = code * 10 + (log[at] - '0');
            }
        }
    }
    return code;
}

#define NO_TCS (~0UL)
static u64 tcs_offset = NO_TCS;

static void add_pages(int fd, u64 base) {
    u64 total = 0, measured = 0;
    u64 most = 256;
    u8 *source = memory(most * PAGE), *secinfo = memory(PAGE);
    for (u64 i = 0; i < enclave.count; i++) {
        struct pages *run = enclave.runs + i;
        if (run->measured && run->measured != ALL) {
            fail("measures parts of a page, which Linux's driver cannot do");
        }
        put64(secinfo, run->flags);
        for (u64 page = 0; page < most && page < run->count; page++) {
            copy(source + page * PAGE, run->content, PAGE);
        }
        for (u64 done = 0; done < run->count;) {
            u64 n = run->count - done < most ? run->count - done : most;
            u64 at = run->offset + done * PAGE;
            u64 arguments[6] = {(u64)source, at, n * PAGE, (u64)secinfo, run->measured ? 1 : 0, 0};
            s64 r = call3(SYS_IOCTL, fd, IOC_ADD_PAGES, (s64)arguments);
            if (r == -4 && arguments[5]) { /* interrupted: go on after what is done */
                n = arguments[5] / PAGE;
            } else if (r) {
                result("EADD        ", r);
                out(" at offset ");
                out_number(at, 16);
                out("\n");
                leave(1);
            }
            done += n;
            total += n;
            measured += run->measured ? n : 0;
        }
        if ((run->flags & 0xff00) == SECINFO_TCS && tcs_offset == NO_TCS) {
            tcs_offset = run->offset;
        }
        int prot = (run->flags & 0xff00) == SECINFO_TCS ? 3 : (run->flags & 7);
        if (!map((void *)(base + run->offset), run->count * PAGE, prot, 0x11, fd)) {
            fail("its pages cannot be mapped");
        }
    }
    out("EADD        0, ");
    out_number(total, 10);
    out(" pages, ");
    out_number(measured, 10);
    out(" measured\n");
}

static void *vdso_function(u64 *auxiliary) {
    struct bytes v = {0, 1 << 16};
    for (; auxiliary[0]; auxiliary += 2) {
        if (auxiliary[0] == 33) { /* AT_SYSINFO_EHDR */
            v.at = (u8 *)auxiliary[1];
        }
    }
    if (!v.at) {
        return 0;
    }
    u64 symbols = 0, strings = 0;
    for (int i = 0; i < segment_count(v); i++) {
        u64 at = get(v, 32, 8) + 56 * (u64)i;
        if (get(v, at, 4) == PT_DYNAMIC) {
            for (u64 d = get(v, at + 8, 8); get(v, d, 8); d += 16) {
                if (get(v, d, 8) == 6) {
                    symbols = get(v, d + 8, 8);
                } else if (get(v, d, 8) == 5) {
                    strings = get(v, d + 8, 8);
                }
            }
        }
    }
    for (u64 at = symbols; symbols && at < strings; at += 24) { /* the table ends where the strings start */
        if (is((char *)v.at + strings + get(v, at, 4), "__vdso_sgx_enter_enclave")) {
            return v.at + get(v, at + 8, 8);
        }
    }
    return 0;
}

static void enter_once(u64 base, u64 *auxiliary) {
    void *function = vdso_function(auxiliary);
    struct run *run = memory(sizeof(struct run));
    if (tcs_offset == NO_TCS) {
        out("EENTER      none: the enclave has no TCS\n");
        return;
    }
    if (!function) {
        out("EENTER      none: the kernel's vDSO has no __vdso_sgx_enter_enclave\n");
        return;
    }
    run->tcs = base + tcs_offset;
    s64 r = enter(function, run);
    result("EENTER      ", (int)r);
    if (run->function == 4) {
        out(", EEXIT with RDI ");
        out_number(left_rdi, 16);
        out(", RSI ");
        out_number(left_rsi, 16);
        out("\n");
        return;
    }
    out(", exception ");
    out_number(run->vector, 10);
    out(" with error code ");
    out_number(run->error_code, 16);
    out(" at ");
    out_number(run->address, 16);
    out(run->function == 2 ? " on entry\n" : " inside\n");
}

/* The enclave's range: a multiple of its size. */
static u64 reserve(int fd) {
    u64 size = enclave.size;
    u64 at = (u64)map(0, 2 * size, 0, 1, fd);
    if (!at) {
        fail("no room for it in the address space");
    }
    u64 base = (at + size - 1) & -size;
    if (base > at) {
        call3(SYS_MUNMAP, at, base - at, 0);
    }
    if (at + 2 * size > base + size) {
        call3(SYS_MUNMAP, base + size, at + size - base, 0);
    }
    return base;
}

static void create(int fd, u64 base, int debug) {
    u8 *secs = memory(PAGE), *sig = enclave.sigstruct;
    u64 flags = enclave.attributes | (debug ? ATTRIBUTE_DEBUG : 0);
    u64 xfrm = (enclave.xfrm & xcr0()) | 3;
    u64 must = get64(sig + 952);
    if ((xfrm ^ get64(sig + 936)) & must) { /* what the signer insists on */
        xfrm = (get64(sig + 936) & must) | (xfrm & ~must);
    }
    put64(secs, enclave.size);
    put64(secs + 8, base);
    put64(secs + 16, enclave.ssa_frame_size | (u64)enclave.miscselect << 32);
    put64(secs + 48, flags);
    put64(secs + 56, xfrm);
    u64 argument = (u64)secs;
    s64 r = call3(SYS_IOCTL, fd, IOC_CREATE, (s64)&argument);
    result("ECREATE     ", r);
    out(", size ");
    out_number(enclave.size, 16);
    out(", attributes ");
    out_number(flags, 16);
    out(", XFRM ");
    out_number(xfrm, 16);
    out("\n");
    if (r) {
        leave(1);
    }
    if (flags & ATTRIBUTE_PROVISIONKEY) { /* only now: the driver's ECREATE takes back what was allowed before */
        s64 provision = call3(SYS_OPEN, (s64)"/dev/sgx_provision", 0, 0);
        argument = provision;
        result("provision   ", provision < 0 ? provision : call3(SYS_IOCTL, fd, IOC_PROVISION, (s64)&argument));
        out("\n");
    }
}

void start(u64 *stack) {
    u64 count = stack[0];
    char **words = (char **)(stack + 1), **end = words + count;
    u64 *auxiliary = stack + 1 + count + 1;
    char *name = 0, *css = 0;
    int debug = 0, enters = 1;
    while (*auxiliary) {
        auxiliary++;
    }
    auxiliary++;
    for (words++; words < end; words++) {
        if (is(*words, "--css") && words + 1 < end) {
            css = *++words;
        } else if (is(*words, "--debug")) {
            debug = 1;
        } else if (is(*words, "--no-enter")) {
            enters = 0;
        } else if (!name && **words != '-') {
            name = *words;
        } else {
            file_name = *words;
            write_to(2, "usage: sgx-load FILE [--css FILE] [--debug] [--no-enter]\n");
            leave(2);
        }
    }
    if (!name) {
        write_to(2, "usage: sgx-load FILE [--css FILE] [--debug] [--no-enter]\n");
        leave(2);
    }
    struct bytes signature = {0, 0};
    if (css) {
        signature = file(css);
        if (signature.size != SIGSTRUCT) {
            fail("not a SIGSTRUCT: it has 1808 bytes");
        }
    }
    struct bytes f = file(name);
    if (f.size > 64 && same(f.at, "\177ELF\2\1", 6)) {
        struct section sdk_note = section(f, ".note.sgxmeta"), oe_info = section(f, ".oeinfo");
        if (sdk_note.found) {
            read_sdk(f, sdk_note);
        } else if (oe_info.found) {
            read_open_enclave(f, oe_info);
        } else {
            fail("an ELF file with neither .note.sgxmeta nor .oeinfo; sign it first");
        }
    } else if (f.size > 64 && same(f.at, "ECREATE", 8)) {
        read_sgxs(f);
    } else {
        fail("not an enclave file: one of Intel's SDK, of Open Enclave or an SGXS stream is needed");
    }
    if (css) {
        enclave.sigstruct = memory(PAGE);
        copy(enclave.sigstruct, signature.at, SIGSTRUCT);
        if (is(enclave.format, "SGXS")) { /* the stream does not say its attributes */
            enclave.attributes = get64(signature.at + 928);
            enclave.xfrm = get64(signature.at + 936);
            enclave.miscselect = get(signature, 900, 4);
        }
    }
    if (!enclave.sigstruct) {
        fail("has no signature of its own; name its SIGSTRUCT with --css FILE");
    }
    if (!enclave.size || enclave.size & (enclave.size - 1)) {
        fail("damaged: its size is not a power of two");
    }
    out("format      ");
    out(enclave.format);
    out("\n");
    s64 fd = call3(SYS_OPEN, (s64)"/dev/sgx_enclave", 2, 0);
    if (fd < 0) {
        file_name = "/dev/sgx_enclave";
        fail("cannot be opened: no SGX, no driver or no permission");
    }
    u64 base = reserve(fd);
    create(fd, base, debug);
    add_pages(fd, base);
    ask_for_einit_codes();
    u64 argument = (u64)enclave.sigstruct;
    s64 r = call3(SYS_IOCTL, fd, IOC_INIT, (s64)&argument);
    result("EINIT       ", r);
    if (r == -1) {
        s64 code = last_einit_code();
        if (code > 0) {
            out(", EINIT returned ");
            out_number(code, 10);
            out(sgx_error(code));
        }
    }
    out("\n");
    if (r) {
        leave(1);
    }
    if (enters) {
        enter_once(base, auxiliary);
    }
    leave(0);
}
