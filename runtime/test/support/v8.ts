// What V8 makes of objects.

import { setFlagsFromString } from "node:v8";

/** Whether the object is none of those that V8 keeps as a dictionary, which are slow to read and slower to write. */
export function hasFastProperties(object: object): boolean {
  setFlagsFromString("--allow-natives-syntax");
  return (new Function("o", "return %HasFastProperties(o)") as (o: object) => boolean)(object);
}
