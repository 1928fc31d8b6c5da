/** The error classes of gradtape, each with a stable `code`; and warnings that are said once. */

/** Every error that gradtape throws on purpose. `code` is stable, the message is for people. */
export class GradtapeError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Misuse of a tape: consumed, not recording, still recording. */
export class TapeError extends GradtapeError {}
/** Shapes that do not fit; also axes and sizes out of range. */
export class ShapeError extends GradtapeError {
  constructor(message: string, code = 'ERR_SHAPE') {
    super(code, message);
  }
}
/** Dtypes that do not fit. */
export class DTypeError extends GradtapeError {
  constructor(message: string, code = 'ERR_DTYPE') {
    super(code, message);
  }
}
/** A value that an op or an option does not accept. */
export class ValueError extends GradtapeError {
  constructor(message: string, code = 'ERR_VALUE') {
    super(code, message);
  }
}

const said = new Set<string>();

/** Emits a process warning the first time that `code` comes up. */
export function warnOnce(code: string, message: string): void {
  if (said.has(code)) return;
  said.add(code);
  process.emitWarning(message, { type: 'GradtapeWarning', code });
}

/** How a value is shown in an error message: short, and never a dump. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const name = value.constructor?.name;
  return name && name !== 'Object' ? `a ${name}` : 'an object';
}
