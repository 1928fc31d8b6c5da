/**
 * JSON as files have it in their headers, which may be hostile: read piece by piece, so that nothing is built that nobody asked
 * for; and strict, where JSON.parse lets a key come twice and rounds numbers.
 */

/** Deeper nesting is refused. */
const kMaxDepth = 64;
/** Exactly the numbers that are whole and >= 0. */
const whole = /^(?:0|[1-9]\d*)$/;
const token = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Why a text is refused. */
export class JsonFault extends Error {}

/** A text that is read from its beginning to its end; every method throws JsonFault for what is no JSON. */
export class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  constructor(text: string) {
    this.#text = text;
  }

  fault(what: string): JsonFault {
    return new JsonFault(`${what} at character ${this.#at}`);
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.#at++;
    }
  }

  /** Whether the next character, after space, is this one; then it is behind us. */
  #takes(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #needs(character: string): void {
    if (!this.#takes(character)) throw this.fault(`expected ${character}`);
  }

  /** The first character of the next value; '' at the end. */
  next(): string {
    this.#space();
    return this.#text[this.#at] ?? '';
  }

  /** Reads an object; `field` reads the value of each key. */
  object(field: (key: string) => void): void {
    this.#inner('{', '}', () => {
      this.#space();
      const key = this.string();
      this.#needs(':');
      field(key);
    });
  }

  /** Reads a list; `item` reads each of its values. */
  list(item: () => void): void {
    this.#inner('[', ']', item);
  }

  #inner(open: string, close: string, part: () => void): void {
    this.#needs(open);
    if (this.#takes(close)) return;
    if (++this.#depth > kMaxDepth) throw this.fault('nested too deeply');
    do part();
    while (this.#takes(','));
    this.#depth--;
    this.#needs(close);
  }

  /** Reads a number: exactly, if it is whole and >= 0, else as NaN. */
  number(): number {
    const text = this.#word();
    if (!/^[-\d]/.test(text)) throw this.fault('expected a number');
    return whole.test(text) ? Number(text) : Number.NaN;
  }

  #word(): string {
    this.#space();
    token.lastIndex = this.#at;
    const text = token.exec(this.#text)?.[0];
    if (text === undefined) throw this.fault('expected a value');
    this.#at += text.length;
    return text;
  }

  string(): string {
    this.#space();
    const text = this.#text;
    const from = this.#at;
    if (text[from] !== '"') throw this.fault('expected a string');
    let end = from + 1;
    for (;;) {
      const c = text.charCodeAt(end); // NaN at the end
      if (c === 0x22) break;
      if (!(c >= 0x20)) throw this.fault('a string that does not end');
      end += c === 0x5c ? 2 : 1;
    }
    this.#at = end + 1;
    try {
      return JSON.parse(text.slice(from, this.#at)) as string; // its escapes
    } catch {
      this.#at = from;
      throw this.fault('a string with a wrong escape');
    }
  }

  /** Reads a value that nobody wants. */
  skip(): void {
    const first = this.next();
    if (first === '{') this.object(() => this.skip());
    else if (first === '[') this.list(() => this.skip());
    else if (first === '"') this.string();
    else this.#word();
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.fault('expected the end');
  }
}
