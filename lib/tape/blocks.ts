/** Functions and blocks that record: what tapes and accumulators refuse of them. */
import { show, TapeError } from '../base/errors.js';
import type { Recording } from '../record/recording.js';
import { crossedBlock } from '../record/stack.js';
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

/** @throws TapeError ERR_TAPE_CROSSED_AWAIT if the `enter` block of the tape crossed the end of its turn */
export function refuseCrossed(op: string, tape: Recording): void {
  const crossed = crossedBlock(tape);
  if (crossed) throw crossedError(op, crossed);
}
