// Node-API as its own package has it, which cmake-js brings along: the headers, the names, the list for Windows.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './common.mjs';

const { include_dir, def_paths, symbols } = createRequire(
  createRequire(import.meta.url).resolve('cmake-js/package.json'),
)('node-api-headers');

export const headers = include_dir;
export const definitions = def_paths.node_api_def;

const manifest = JSON.parse(readFileSync(join(root, 'native', 'sources.gypi'), 'utf8')).variables;
const asked = manifest.common_defines.find((define) => define.startsWith('NAPI_VERSION=')).split('=')[1];

/** The version that the sources ask for, and its functions. */
export const version = Number(asked);
export const functions = new Set(Object.values(symbols[`v${version}`]).flat());
