// How often tests repeat: GRADTAPE_THOROUGH=1, which .ci/run sets, repeats as often as finds what is rare.
export const thorough: boolean = process.env['GRADTAPE_THOROUGH'] === '1';

/** So many repetitions; of a thorough run so many. */
export const repeated = (count: number, ofThorough: number): number => (thorough ? ofThorough : count);
