#!/bin/sh
# The system calls of this machine as members of an enum: `SYS_read = __NR_read,`.
clang -E -dM -I"/usr/include/$(uname -m)-linux-gnu" -include asm/unistd.h - </dev/null |
  sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\tSYS_\1 = __NR_\1,/p'
