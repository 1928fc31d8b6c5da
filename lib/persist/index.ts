/** What `tf` has for saving and loading. */
export {
  Checkpoint,
  type CheckpointConstructor,
  type CheckpointParts,
  type SaveCheckpointOptions,
} from './checkpoint.js';
export { latestCheckpoint } from './checkpoint-files.js';
export type { Path, Stored } from './file.js';
export { loadNpy, saveNpy } from './npy.js';
export { type LoadNpzOptions, loadNpz, type SaveNpzOptions, saveNpz } from './npz.js';
export {
  type LoadSafetensorsOptions,
  loadSafetensors,
  type SafetensorsHeader,
  type SaveSafetensorsOptions,
  safetensorsHeader,
  saveSafetensors,
} from './safetensors.js';
