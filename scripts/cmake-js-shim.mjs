#!/usr/bin/env node
// What prebuildify takes for node-gyp: called as `rebuild --target=.. --arch=.. --release`, leaves build/Release/*.node.
// CC and CXX choose a cross compiler.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative } from './bootstrap.mjs';
import { main, root } from './common.mjs';

await main(() => {
  rmSync(join(root, 'build'), { recursive: true, force: true });
  buildNative('build', ['GRADTAPE_WERROR=OFF']);
});
