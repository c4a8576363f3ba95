// One process of the built program for many commands: each comes as a message, and what became of it goes back.

import { runCommand } from "../../dist/cli/command.js";

let written;
for (const stream of ["stdout", "stderr"])
  process[stream].write = (text) => {
    written[stream] += text;
    return true;
  };

process.on("message", async ({ args, cwd, env }) => {
  written = { stdout: "", stderr: "" };
  const before = { ...process.env };
  process.chdir(cwd);
  Object.assign(process.env, env);
  const status = await runCommand(args);
  for (const name of Object.keys(env)) delete process.env[name];
  Object.assign(process.env, before);
  process.send({ status, ...written });
});
