/** The memory in use, as users ask for it, and freeing what is kept for later. */
import { refuseExtra } from '../base/arguments.js';
import type { MemoryInfo as MemoryInUse } from './addon.js';
import { bytesAskedFor } from './flight.js';
import { bytesKept } from './growth.js';
import { forget } from './lessons.js';
import { pendingBytes } from './pending.js';
import { clearKept, memory as memoryInUse } from './slabs.js';

/** What `memory()` tells. */
export interface MemoryInfo extends MemoryInUse {
  /**
   * Bytes of what waits to be computed: values assigned to variables, values that asynchronous calls have asked for and that no
   * thread has got yet; and what other pending values keep of their operands, which is counted from 24 MB of tensors on.
   */
  pendingBytes: number;
}

/** The memory that is alive, that waits to be computed, and that the library keeps for later; sizes in bytes. */
export function memory(): MemoryInfo {
  if (arguments.length > 0) refuseExtra('memory', arguments[0], undefined);
  return { ...memoryInUse(), pendingBytes: pendingBytes() + bytesAskedFor() + bytesKept() };
}

/**
 * Frees what the library keeps for later: memory of tensors that are gone, idle arenas, the plans of programs and what
 * was learnt of them. The next programs are slower once. No program has to call this: what is too much is freed when the library was not used for a
 * second.
 */
export function clearMemory(): void {
  if (arguments.length > 0) refuseExtra('clearMemory', arguments[0], undefined);
  forget();
  clearKept();
}
