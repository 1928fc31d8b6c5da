/** Functions and blocks that record: what tapes and accumulators refuse of them. */
import { show, TapeError } from '../base/errors.js';
import type { Recording } from '../record/recording.js';
import { crossedBlock, isBoundElsewhere, type Recorder } from '../record/stack.js';
import type { Opening } from '../record/turn.js';

/** @throws TapeError ERR_TAPE_RECORD */
export function checkFunction(method: string, fn: unknown): void {
  if (typeof fn === 'function') return;
  throw new TapeError('ERR_TAPE_RECORD', `${method}: expected a function, got ${show(fn)}`);
}

/** The error of a block of `whose` (a tape, an accumulator) that crossed the end of its turn. */
export function crossedError(op: string, opening: Opening, whose = 'tape'): TapeError {
  opening.told = true;
  return new TapeError(
    'ERR_TAPE_CROSSED_AWAIT',
    `${op}: the ${whose}'s block, opened at ${opening.where}, was left open across an await (or a return to the event loop); what came ` +
      `after was not recorded. Close the block before awaiting, or record with await ${whose}.recordAsync(async () => ...).`,
  );
}

/** @throws TapeError ERR_TAPE_RECORDING if the function that `whose` recorder is bound to has not ended, and this is not it */
export function refuseUnended(op: string, r: Recorder, whose: 'tape' | 'accumulator'): void {
  if (!isBoundElsewhere(r)) return;
  throw new TapeError(
    'ERR_TAPE_RECORDING',
    `${op}: the function given to recordAsync has not ended: write await ${whose}.recordAsync(...) before`,
  );
}

/** @throws TapeError ERR_TAPE_CROSSED_AWAIT if the `enter` block of the tape crossed the end of its turn */
export function refuseCrossed(op: string, tape: Recording): void {
  const crossed = crossedBlock(tape);
  if (crossed) throw crossedError(op, crossed);
}
