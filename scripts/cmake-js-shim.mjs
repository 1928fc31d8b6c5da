#!/usr/bin/env node
// What prebuildify takes for node-gyp when it makes this machine's own binary: cmake-js with the machine's compiler, one .node
// left in build/Release of the folder where this is started.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative } from './bootstrap.mjs';
import { main } from './common.mjs';

await main(() => {
  const folder = join(process.cwd(), 'build');
  rmSync(folder, { recursive: true, force: true });
  buildNative(folder, ['GRADTAPE_WERROR=OFF']);
});
