/**
 * JSON as files have it in their headers, which may be hostile: strict, and without the liberties of JSON.parse, which
 * lets a key come twice and rounds numbers.
 */

/** A value. Numbers are whole and >= 0; any other is NaN. Objects are Maps, so that no key means anything to JavaScript. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** Deeper nesting is refused. */
const kMaxDepth = 64;
/** Exactly the numbers that are whole and >= 0. */
const whole = /^(?:0|[1-9]\d*)$/;
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const words: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** Why a text is refused. */
export class JsonFault extends Error {}

/** @throws JsonFault for what is no JSON, and for a key that comes twice in an object */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  #fault(what: string): JsonFault {
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
    if (!this.#takes(character)) throw this.#fault(`expected ${character}`);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault('expected the end');
  }

  value(depth: number): Json {
    if (depth > kMaxDepth) throw this.#fault('nested too deeply');
    this.#space();
    const c = this.#text[this.#at];
    if (c === '{') return this.#object(depth);
    if (c === '[') return this.#list(depth);
    if (c === '"') return this.#string();
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    numberToken.lastIndex = this.#at;
    const token = numberToken.exec(this.#text)?.[0];
    if (token === undefined) throw this.#fault('expected a value');
    this.#at += token.length;
    return whole.test(token) ? Number(token) : Number.NaN;
  }

  #object(depth: number): JsonObject {
    const object = new Map<string, Json>();
    this.#needs('{');
    if (this.#takes('}')) return object;
    do {
      this.#space();
      const key = this.#string();
      if (object.has(key)) throw this.#fault(`the key ${JSON.stringify(key.slice(0, 80))} comes twice`);
      this.#needs(':');
      object.set(key, this.value(depth + 1));
    } while (this.#takes(','));
    this.#needs('}');
    return object;
  }

  #list(depth: number): readonly Json[] {
    const list: Json[] = [];
    this.#needs('[');
    if (this.#takes(']')) return list;
    do list.push(this.value(depth + 1));
    while (this.#takes(','));
    this.#needs(']');
    return list;
  }

  #string(): string {
    const text = this.#text;
    const from = this.#at;
    if (text[from] !== '"') throw this.#fault('expected a string');
    let end = from + 1;
    for (;;) {
      const c = text.charCodeAt(end); // NaN at the end
      if (c === 0x22) break;
      if (!(c >= 0x20)) throw this.#fault('a string that does not end');
      end += c === 0x5c ? 2 : 1;
    }
    this.#at = end + 1;
    try {
      return JSON.parse(text.slice(from, this.#at)) as string; // its escapes
    } catch {
      this.#at = from;
      throw this.#fault('a string with a wrong escape');
    }
  }
}
