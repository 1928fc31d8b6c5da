// What a call throws.
import * as tf from 'gradtape';
import { expect } from 'vitest';

export type Thrown = Error & { readonly code?: string };

/** The error that the call throws; a failure if it throws none. */
export function errorOf(fn: () => unknown): Thrown {
  try {
    fn();
  } catch (error) {
    return error as Thrown;
  }
  throw new Error('expected an error');
}

/** The same of a call that may return a promise. */
export async function rejectionOf(fn: () => unknown): Promise<Thrown> {
  try {
    await fn();
  } catch (error) {
    return error as Thrown;
  }
  throw new Error('expected an error');
}

/** The error of the library that the call throws. */
export function gradtapeErrorOf(fn: () => unknown): tf.GradtapeError {
  const error = errorOf(fn);
  expect(error).toBeInstanceOf(tf.GradtapeError);
  return error as tf.GradtapeError;
}

/** The code of the error of the library that the call throws. */
export function codeOf(fn: () => unknown): tf.ErrorCode {
  return gradtapeErrorOf(fn).code;
}

/** The error of the library that the call throws, or null if it throws none. */
export function failureOf(fn: () => unknown): tf.GradtapeError | null {
  try {
    fn();
  } catch (error) {
    if (error instanceof tf.GradtapeError) return error;
    throw error;
  }
  return null;
}

/** The call throws an error of this class and code. */
export function expectError(fn: () => unknown, kind: abstract new (...args: never[]) => Error, code: string): Thrown {
  const error = gradtapeErrorOf(fn);
  expect(error.code, error.message).toBe(code);
  expect(error).toBeInstanceOf(kind);
  return error;
}
