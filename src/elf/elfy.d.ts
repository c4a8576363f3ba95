// What container.ts uses of the npm package elfy 1.0.0, which has no types of its own.

declare module "elfy" {
  export interface Section {
    readonly name: string;
    /** A word of {@link constants.sectType}, or the number when it knows none. */
    readonly type: string | number;
    readonly off: number;
    readonly size: number;
    readonly link: number;
    readonly info: number;
  }

  const elfy: {
    readonly constants: { readonly sectType: { readonly [type: number]: string | undefined } };
    /** Throws a plain Error for what it does not like; a Buffer because it calls `readUInt32LE` and `toString`. */
    parse(bytes: Buffer): { readonly endian: string; readonly body: { readonly sections: readonly Section[] } };
  };
  export default elfy;
}
