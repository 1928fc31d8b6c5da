// gradtape as built in this repository. By path: bench/ is a package of its own, so the project's name does not resolve here.
export async function openGradtape(threads) {
  const tf = await import(new URL('../dist/index.mjs', import.meta.url).href);
  if (threads !== undefined) tf.config.threads = threads;
  return tf;
}
