// The version of this package, as headers and `--version` show it; a test holds it against package.json.

export const VERSION = "0.1.0";
