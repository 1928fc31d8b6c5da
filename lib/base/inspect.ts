/** What console.log shows of the library's own objects: their text, not their fields. */

/** Lets console.log show objects of this prototype by `toString`. */
export function showsText(prototype: object): void {
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: object): string {
      return String(this);
    },
    configurable: true,
    writable: true,
  });
}
