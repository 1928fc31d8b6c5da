/** What console.log shows of the library's own objects: their text, not their fields. */

/** Lets console.log show objects of this prototype by `toString`, that of a subclass where it has one. */
export function showsText(prototype: object): void {
  const ours = prototype.toString;
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: object): string {
      const text = ours.call(this); // throws an error with a code if `this` is something else
      return this.toString === ours ? text : this.toString();
    },
    configurable: true,
    writable: true,
  });
}
