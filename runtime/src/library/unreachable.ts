// A skeleton that nobody can close any more stays as it is, since its programs may be meant to run until the process ends;
// one warning says so. It is in use as long as anything that was taken from it is: a map, an iterator, a link.

const tokens: { registry: FinalizationRegistry<string> | undefined; warned: boolean } = {
  registry: undefined,
  warned: false,
};

/**
 * Warns once when `core`, which all that its user can have of it refers to, becomes unreachable before {@link unwatch} is called
 * with the same `token`. In a worker, which closes all of its own when it ends (native/atexit.ts), an object never does.
 */
export function watch(core: object, what: string, token: object): void {
  tokens.registry ??= new FinalizationRegistry(warn);
  tokens.registry.register(core, what, token);
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
