// One source for every instruction set: the compiler makes a copy of a function per set, the loader picks at run time.
#pragma once

#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(HART_NO_CLONES)
#define HART_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HART_CLONES
#endif

// Helpers must end up inside of each copy.
#define HART_INLINE inline __attribute__((always_inline))
