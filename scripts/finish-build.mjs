// After tsc: what a compiled package needs that tsc does not do. The bin must be executable.
import { chmodSync } from "node:fs";

chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755);
