// SPDX-License-Identifier: Apache-2.0
/*
 * The code page of the enclave that sgx-stress.c builds again and again; position-independent, without a stack.
 *
 * Entered with RDI = what to do, RSI = address, RDX = count, R8 = value, R9 = where in the outside the answer goes. The page
 * seven pages behind its TCS belongs to the thread.
 */
        .text
        .globl  entry
        .set    SECINFO, 0              // within the thread's page
        .set    EXIT_TO, 64
        .set    KEPT_RBP, 72
        .set    ANSWER, 80
        .set    SEED, 88
        .set    TURNS, 96
        .set    EENTER_PAGES, 0x7000
        .set    EEXIT, 4
        .set    EACCEPT, 5
        .set    EMODPE, 6
        .set    STRIDE, 1016            // five words of a page, in different lines of it

entry:  add     $EENTER_PAGES, %rbx
        mov     %rcx, EXIT_TO(%rbx)
        mov     %rbp, KEPT_RBP(%rbx)
        mov     %r9, ANSWER(%rbx)
        xor     %r10d, %r10d            // the answer
        cmp     $0, %edi
        je      fill
        cmp     $1, %edi
        je      check
        cmp     $2, %edi
        je      spin
        cmp     $3, %edi
        je      accept
        cmp     $4, %edi
        je      extend
        ud2

leave:  mov     ANSWER(%rbx), %r9
        mov     %r10, (%r9)
        mov     KEPT_RBP(%rbx), %rbp
        mov     EXIT_TO(%rbx), %rbx
        mov     $EEXIT, %eax
        enclu

// Fills RDX pages from RSI: each word is its address plus R8.
fill:   lea     (%rsi,%r8), %rax
        mov     %rax, (%rsi)
        mov     %rax, STRIDE(%rsi)
        mov     %rax, 2*STRIDE(%rsi)
        mov     %rax, 3*STRIDE(%rsi)
        mov     %rax, 4*STRIDE(%rsi)
        add     $4096, %rsi
        dec     %rdx
        jnz     fill
        jmp     leave

// Counts the words of RDX pages from RSI that are not as filled.
check:  lea     (%rsi,%r8), %rax
        .irp    n, 0, 1, 2, 3, 4
        xor     %ecx, %ecx
        cmp     %rax, \n*STRIDE(%rsi)
        setne   %cl
        add     %rcx, %r10
        .endr
        add     $4096, %rsi
        dec     %rdx
        jnz     check
        jmp     leave

// RDX turns with every register full; the answer is what became another, as an asynchronous exit could make it.
spin:   mov     %r8, SEED(%rbx)
        movq    $0, TURNS(%rbx)
        mov     %rdx, %rcx
        .set    n, 0
        .irp    reg, rax, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        mov     SEED(%rbx), %\reg
        add     $n, %\reg
        .set    n, n + 1
        .endr
        .irp    reg, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movq    SEED(%rbx), %xmm\reg
        punpcklqdq %xmm\reg, %xmm\reg
        .endr
        stc
1:      incq    TURNS(%rbx)             // keeps CF, as DEC does
        jnc     2f
        dec     %rcx
        jnz     1b
        .set    n, 0
        .irp    reg, rax, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        sub     SEED(%rbx), %\reg
        cmp     $n, %\reg
        jne     2f
        .set    n, n + 1
        .endr
        movdqa  %xmm0, %xmm8
        .irp    reg, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15
        pcmpeqb %xmm\reg, %xmm8
        pmovmskb %xmm8, %eax
        cmp     $0xffff, %eax
        jne     2f
        movdqa  %xmm0, %xmm8
        .endr
        movq    %xmm0, %rax
        cmp     SEED(%rbx), %rax
        jne     2f
        xor     %r10d, %r10d
        jmp     leave
2:      mov     $1, %r10d
        jmp     leave

// EACCEPT of RDX pages from RSI with SECINFO.FLAGS R8; the answer is the first code that is not 0.
accept: mov     $EACCEPT, %r11d
        jmp     3f

// EMODPE, which has no code.
extend: mov     $EMODPE, %r11d
3:      mov     %r8, SECINFO(%rbx)
        .irp    n, 8, 16, 24, 32, 40, 48, 56
        movq    $0, \n(%rbx)
        .endr
        mov     %rbx, %r12
        mov     %rsi, %rcx
4:      mov     %r11d, %eax
        mov     %r12, %rbx
        enclu
        mov     %r12, %rbx
        cmp     $EMODPE, %r11d
        je      5f
        test    %eax, %eax
        jnz     6f
5:      add     $4096, %rcx
        dec     %rdx
        jnz     4b
        jmp     leave
6:      mov     %eax, %r10d
        jmp     leave
