// The settings of tf.config as they were when a test file began.
import * as tf from 'gradtape';
import { afterEach } from 'vitest';

export const settings: Readonly<typeof tf.config> = { ...tf.config };

/** Each test of the file ends with these settings, whatever it changed. */
export function restoreSettings(): void {
  afterEach(() => {
    Object.assign(tf.config, settings);
  });
}

/** What fn returns when each value is computed as it is made. */
export function eagerly<T>(fn: () => T): T {
  tf.config.eager = true;
  try {
    return fn();
  } finally {
    tf.config.eager = settings.eager;
  }
}
