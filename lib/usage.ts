/** How much memory is in use, for what, and giving back what is kept for later. */
import { clearMemory, memory as memoryInUse } from './memory.js';
import type { MemoryInfo as MemoryInUse } from './native.js';
import { pendingBytes } from './pending.js';

export { clearMemory };

/** What `memory()` tells. */
export interface MemoryInfo extends MemoryInUse {
  /** What the assigned values of variables that nobody has looked at yet will take. */
  pendingBytes: number;
}

/** Counts of what is alive, of what waits to be computed, and of what the library keeps for later. */
export function memory(): MemoryInfo {
  return { ...memoryInUse(), pendingBytes: pendingBytes() };
}
