// gradtape as built in a checkout: this one, or another. By path: bench/ is a package of its own, so the project's name does not
// resolve here.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));

/** The file that a checkout is imported by. */
export const entryOf = (checkout) => join(checkout, 'dist/index.mjs');

export async function openGradtape(threads, checkout = here) {
  const tf = await import(pathToFileURL(entryOf(checkout)).href);
  if (threads !== undefined) tf.config.threads = threads;
  return tf;
}
