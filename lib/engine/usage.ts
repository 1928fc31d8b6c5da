/** How much memory is in use, for what, and giving back what is kept for later. */
import { refuseExtra } from '../base/arguments.js';
import type { MemoryInfo as MemoryInUse } from './addon.js';
import { clearKept, memory as memoryInUse } from './memory.js';
import { pendingBytes } from './pending.js';

/** What `memory()` tells. */
export interface MemoryInfo extends MemoryInUse {
  /** What the assigned values of variables that nobody has looked at yet will take. */
  pendingBytes: number;
}

/** Counts of what is alive, of what waits to be computed, and of what the library keeps for later. */
export function memory(): MemoryInfo {
  if (arguments.length > 0) refuseExtra('memory', arguments[0], undefined);
  return { ...memoryInUse(), pendingBytes: pendingBytes() };
}

/**
 * Gives back what the library keeps for later: blocks of tensors that are gone, idle arenas, the plans of programs. What comes next is
 * slower once. Nothing needs this: what is too much goes back by itself when the program rests for a second.
 */
export function clearMemory(): void {
  if (arguments.length > 0) refuseExtra('clearMemory', arguments[0], undefined);
  clearKept();
}
