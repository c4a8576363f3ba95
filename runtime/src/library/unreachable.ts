// A skeleton that nobody can close any more stays as it is, since its programs may be meant to run until the process ends;
// one warning says so.

const tokens: { registry: FinalizationRegistry<string> | undefined; warned: boolean } = {
  registry: undefined,
  warned: false,
};

/** Warns once when `handle` becomes unreachable before {@link unwatch} is called with the same `token`. */
export function watch(handle: object, what: string, token: object): void {
  tokens.registry ??= new FinalizationRegistry(warn);
  tokens.registry.register(handle, what, token);
}

export function unwatch(token: object): void {
  tokens.registry?.unregister(token);
}

function warn(what: string): void {
  if (tokens.warned) return;
  tokens.warned = true;
  const text = `ebpf-skel: ${what} became unreachable without close(), so it stays until the process ends`;
  process.emitWarning(`${text} (call close(), or declare it with using)`, { code: "EBPF_SKEL_UNCLOSED" });
}
