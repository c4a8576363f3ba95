// Bundlers that unplugin's types mention and this package has no part in.

declare module "@farmfe/core" {
  export type CompilationContext = never;
  export type JsPlugin = never;
}
declare module "@rsbuild/core" {
  export type RsbuildPlugin = never;
}
declare module "bun" {
  export type BunPlugin = never;
  export type Loader = never;
  export type PluginBuilder = never;
}
declare module "unloader" {
  export type Plugin = never;
}
