// What the kernel was built with, as it comes out of a loaded skeleton, against what the kernel itself says.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Kconfig, LibbpfTristate } from "../../../fixtures/kconfig.skel.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

/** `CONFIG_X=value` lines of the running kernel, where libbpf looks for them too. */
function systemConfig(): string {
  try {
    return readFileSync(`/boot/config-${release()}`, "utf8");
  } catch {
    return gunzipSync(readFileSync("/proc/config.gz")).toString();
  }
}

const config = systemConfig();
const valueOf = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, "m").exec(config)?.[1];

/** What a program in the kernel adds up of them. */
function sumOf({ kconfig: k }: ReturnType<typeof Kconfig.load>): bigint {
  const text = new TextEncoder().encode(`${k.CONFIG_DEFAULT_HOSTNAME[0] ?? ""}${k.CONFIG_EBPF_SKEL_TEXT[0] ?? ""}`);
  const numbers = [
    k.LINUX_KERNEL_VERSION,
    k.LINUX_HAS_BPF_COOKIE,
    k.CONFIG_BPF_SYSCALL,
    k.CONFIG_BPF,
    k.CONFIG_NET,
    k.CONFIG_HZ,
    k.CONFIG_PHYSICAL_START,
    k.CONFIG_EBPF_SKEL_WIDE,
    ...text,
    k.CONFIG_EBPF_SKEL_TRISTATE,
    k.CONFIG_EBPF_SKEL_NUMBER,
  ];
  const sum = numbers.reduce<bigint>((sum, number) => sum + BigInt(number), 0n);
  return BigInt.asUintN(64, sum);
}

function expectSameInKernel(live: ReturnType<typeof Kconfig.load>): void {
  live.attach();
  process.umask();
  live.detach();
  expect(live.bss.sum).toBe(sumOf(live));
}

test("the running kernel's values", () => {
  using live = Kconfig.load();
  const { kconfig } = live;
  const [major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/
    .exec(release())!
    .slice(1)
    .map((part) => Number(part ?? 0));
  expect(kconfig.LINUX_KERNEL_VERSION).toBe(major! * 65536 + minor! * 256 + Math.min(patch!, 255));
  expect(kconfig.LINUX_HAS_BPF_COOKIE).toBe(true);
  expect(kconfig.CONFIG_BPF).toBe(true);
  expect(kconfig.CONFIG_BPF_SYSCALL).toBe(LibbpfTristate.TRI_YES);
  expect(String.fromCharCode(kconfig.CONFIG_NET)).toBe(valueOf("CONFIG_NET"));
  expect(kconfig.CONFIG_HZ).toBe(Number(valueOf("CONFIG_HZ")));
  expect(kconfig.CONFIG_PHYSICAL_START).toBe(BigInt(valueOf("CONFIG_PHYSICAL_START") ?? 0));
  expect(kconfig.CONFIG_DEFAULT_HOSTNAME).toBe((valueOf("CONFIG_DEFAULT_HOSTNAME") ?? '""').slice(1, -1).slice(0, 15));
  // Weak, and not there.
  expect(kconfig.CONFIG_EBPF_SKEL_WIDE).toBe(0n);
  expect(kconfig.CONFIG_EBPF_SKEL_TEXT).toBe("");
  expect(kconfig.CONFIG_EBPF_SKEL_TRISTATE).toBe(LibbpfTristate.TRI_NO);
  expect(kconfig.CONFIG_EBPF_SKEL_NUMBER).toBe(0);
  expectSameInKernel(live);
});

describe("values of the caller's", () => {
  test.each([
    [
      "in an object",
      {
        CONFIG_EBPF_SKEL_WIDE: -(2n ** 40n),
        CONFIG_EBPF_SKEL_TEXT: "bonjour",
        CONFIG_EBPF_SKEL_TRISTATE: "m",
        CONFIG_EBPF_SKEL_NUMBER: 4_000_000_000,
        CONFIG_HZ: 1000,
        CONFIG_BPF: false,
      },
    ],
    [
      "as text",
      'CONFIG_EBPF_SKEL_WIDE=-1099511627776\nCONFIG_EBPF_SKEL_TEXT="bonjour"\nCONFIG_EBPF_SKEL_TRISTATE=m\n' +
        "CONFIG_EBPF_SKEL_NUMBER=4000000000\nCONFIG_HZ=1000\nCONFIG_BPF=n\n",
    ],
  ])("%s", (_what, given) => {
    using live = Kconfig.load({ kconfig: given });
    const { kconfig } = live;
    expect(kconfig.CONFIG_EBPF_SKEL_WIDE).toBe(-(2n ** 40n));
    // libbpf cuts it to leave room for the NUL.
    expect(kconfig.CONFIG_EBPF_SKEL_TEXT).toBe("bonjou");
    expect(kconfig.CONFIG_EBPF_SKEL_TRISTATE).toBe(LibbpfTristate.TRI_MODULE);
    expect(kconfig.CONFIG_EBPF_SKEL_NUMBER).toBe(4_000_000_000);
    expect(kconfig.CONFIG_HZ).toBe(1000);
    expect(kconfig.CONFIG_BPF).toBe(false);
    // The rest is the kernel's.
    expect(kconfig.CONFIG_BPF_SYSCALL).toBe(LibbpfTristate.TRI_YES);
    expectSameInKernel(live);
  });

  test("that do not fit their variable are an error of load", () => {
    using open = Kconfig.open({ kconfig: { CONFIG_HZ: 70_000 } });
    expect(thrownBy(() => open.load())).toMatchObject({ name: "BpfError", code: "EINVAL" });
  });

  test.each([
    [{ HZ: 1 }, 'open: kconfig: expected names that start with CONFIG_, got "HZ"'],
    [{ CONFIG_X: 'a"b' }, 'open: kconfig.CONFIG_X: expected text without quotes and line ends, got "a\\"b"'],
    [{ CONFIG_X: "a\0b" }, 'open: kconfig: expected a string, got "CONFIG_X=\\"a\\0b\\"\\n"'],
  ])("%o is a ValueError", (kconfig, message) => {
    expect(thrownBy(() => Kconfig.open({ kconfig }))).toMatchObject({ name: "ValueError", message });
  });
});

test("they cannot be written, and are not there before load", () => {
  using open = Kconfig.open();
  expect((open as unknown as Record<string, unknown>)["kconfig"]).toBeUndefined();
  using live = open.load();
  const { kconfig } = live as unknown as { kconfig: { CONFIG_HZ: number } };
  expect(thrownBy(() => (kconfig.CONFIG_HZ = 1)).message).toBe(
    "kconfig: kconfig.CONFIG_HZ: readonly after load (its values come from open({ kconfig }) and the kernel)",
  );
  expect(live.kconfig.CONFIG_HZ).toBe(Number(valueOf("CONFIG_HZ")));
});
