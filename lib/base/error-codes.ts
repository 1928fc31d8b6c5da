/** The codes of gradtape's errors, with what each means: docs/errors.md is written from this list. */

/** `code` of an error. `error.code` is stable; messages are for people. */
export type ErrorCode =
  // ---- Arguments ----
  /**
   * A value is no tensor, variable, number, boolean, typed array or nested array of numbers; or it is a tensor of
   * another copy of the library.
   *
   * Do: pass one of these; the message names both copies: load one (`npm ls gradtape`), and do not mix values
   * across a reset of modules.
   */
  | 'ERR_NOT_A_TENSOR'
  /**
   * An op does not take the dtype, or operands have two: nothing is converted silently.
   *
   * Do: write the `cast` that the message shows, or give `dtype`.
   */
  | 'ERR_DTYPE'
  /**
   * Shapes do not fit, a nested array is ragged or contains itself, a length is no whole number or a shape has too many elements,
   * `item()` of several elements.
   *
   * Do: compare the shapes in the message; `reshape`, `expandDims`.
   */
  | 'ERR_SHAPE'
  /**
   * An axis is a fraction, out of range or named twice.
   *
   * Do: axes go from `-rank` to `rank - 1`.
   */
  | 'ERR_AXIS'
  /**
   * An index is out of range; of `at`, no index at all.
   *
   * Do: for `gather` and its kin indices start at 0 and do not count from the end.
   */
  | 'ERR_INDEX'
  /**
   * A value of the right type that the function does not accept.
   *
   * Do: see the message.
   */
  | 'ERR_VALUE'
  /**
   * An unknown option, one of a wrong kind, an argument in the options' place, `null` for options, an argument too
   * many.
   *
   * Do: the message names the nearest option.
   */
  | 'ERR_OPTION'
  /**
   * Two nests that must have one structure do not (`outputGradients` and targets, gradients and variables).
   *
   * Do: give them the same keys and lengths.
   */
  | 'ERR_STRUCTURE'
  /**
   * A nest of tensors is too deep, or contains itself.
   *
   * Do: break the cycle.
   */
  | 'ERR_NESTING'
  /**
   * A method was called on something else (`const { item } = x; item()`).
   *
   * Do: call it as a method: `x.item()`.
   */
  | 'ERR_RECEIVER'
  /**
   * JavaScript's `+ - * / < ==` or `Number(x)` met a tensor or variable.
   *
   * Do: write `add`, `mul`, `less`, `equal`, ...; `item()` for a number, `String(x)` for text.
   */
  | 'ERR_OPERATOR'
  /**
   * A formula of `expr` does not parse.
   *
   * Do: the message points at the place.
   */
  | 'ERR_EXPR'
  // ---- Tapes and gradients ----
  /**
   * A tape that is not persistent was asked again.
   *
   * Do: ask for all gradients in one call, or make it `{ persistent: true }`.
   */
  | 'ERR_TAPE_CONSUMED'
  /**
   * `gradient` of a tape that has not recorded.
   *
   * Do: compute the target inside `tape.record(() => ...)`.
   */
  | 'ERR_TAPE_EMPTY'
  /**
   * `watch`, `stopRecording` or `reset` outside of a recording.
   *
   * Do: call it inside `record`.
   */
  | 'ERR_TAPE_NOT_RECORDING'
  /**
   * A tape is entered that is recording already, or asked while the function given to its `recordAsync` has not ended.
   *
   * Do: leave the block first; `await tape.recordAsync(...)`, or make a tape for each call.
   */
  | 'ERR_TAPE_RECORDING'
  /**
   * `record`, `recordAsync` or `stopRecording` got no function.
   *
   * Do: pass one.
   */
  | 'ERR_TAPE_RECORD'
  /**
   * The function given to `record` or `stopRecording` returned a promise.
   *
   * Do: `recordAsync`.
   */
  | 'ERR_TAPE_ASYNC'
  /**
   * A block of `enter()` was left open across an `await`, or never left.
   *
   * Do: `recordAsync`, or `using` with nothing awaited inside.
   */
  | 'ERR_TAPE_CROSSED_AWAIT'
  /**
   * No differentiable path leads from a source to the target, and `unconnectedGradients` is `'throw'`; or every
   * gradient given to an optimizer is null.
   *
   * Do: was it watched before the target was computed, and is every op in between differentiable?.
   */
  | 'ERR_UNCONNECTED'
  /**
   * A derivative that is not known lies between target and source: the third of `igamma` or `igammac` with respect
   * to `a`; or a tangent, or a Jacobian, asks a custom gradient for something that it cannot do for a whole batch
   * of cotangents: look at one, or be other than linear.
   *
   * Do: leave `a` out of that order, or write a `customGradient`; `{ experimentalUsePfor: false }` for a Jacobian.
   */
  | 'ERR_NO_GRADIENT'
  /**
   * Tangents have not the structure, shapes or dtypes of the primals, a primal comes twice, or an accumulator that
   * records was entered.
   *
   * Do: give each primal once, with one tangent of its shape; leave the block first.
   */
  | 'ERR_ACCUMULATOR'
  /**
   * A custom gradient's function returned something else than its contract says.
   *
   * Do: one gradient for each argument, `null` where there is none.
   */
  | 'ERR_CUSTOM_GRADIENT'
  /**
   * A gradient and central differences disagree.
   *
   * Do: the message names the worst element: mend the rule, or keep away from kinks.
   */
  | 'ERR_GRADCHECK'
  // ---- Computing ----
  /**
   * An integer was divided by zero.
   *
   * Do: mask the divisor with `where`, or divide as floats.
   */
  | 'ERR_DIVISION_BY_ZERO'
  /**
   * `linalg.cholesky` or `linalg.logdet` of a matrix that is not positive definite; only its lower triangle is
   * read, so what stands above the diagonal does not matter. `linalg.lstsq` of columns that depend on each other.
   *
   * Do: the message says which matrix of the batch, and where it fails: is it a covariance? add a little to its
   * diagonal. `lstsq`: `{ fast: false }`.
   */
  | 'ERR_NOT_POSITIVE_DEFINITE'
  /**
   * A matrix to solve by or to invert is not invertible: elimination comes to a pivot that is zero or NaN, or a
   * triangular one has a zero on its diagonal; also `linalg.lu`, and the gradients of `linalg.det` and
   * `linalg.slogdet`.
   *
   * Do: the message says which matrix of the batch, and where.
   */
  | 'ERR_SINGULAR'
  /**
   * `config.checkNumerics` is on, and an op or a gradient rule made NaN without one in the operands, or an infinity of finite ones.
   *
   * Do: the message names op, element, operands, lines and the usual remedy.
   */
  | 'ERR_NUMERICS'
  /**
   * A value or what computing it needs does not fit the memory.
   *
   * Do: compute less at once.
   */
  | 'ERR_OUT_OF_MEMORY'
  // ---- Files ----
  /**
   * A file cannot be read or written; `cause` is the system's error.
   *
   * Do: see the message: is the path right, is there room?
   */
  | 'ERR_FILE'
  /**
   * A file is not what it should be: cut off, damaged, of another format, or made to mislead.
   *
   * Do: nothing was loaded; the message says what is wrong: get the file anew.
   */
  | 'ERR_FORMAT'
  /**
   * What is restored has other names, shapes or dtypes than the checkpoint, or the file is none.
   *
   * Do: nothing was changed; the message has a line for each difference: build the model as it was when it was
   * saved.
   */
  | 'ERR_CHECKPOINT'
  // ---- Data ----
  /**
   * A dataset whose records come asynchronously, or whose `map` returns promises, was iterated by `for`.
   *
   * Do: `for await (const x of dataset)`.
   */
  | 'ERR_DATA_ASYNC'
  /**
   * A second pass through records that can be read once: a generator, a stream.
   *
   * Do: pass a function that opens them: `data.fromIterable(() => createReadStream(...))`.
   */
  | 'ERR_DATA_CONSUMED'
  // ---- The library ----
  /**
   * The native addon is missing, does not load or is of another version; `cause` is the loader's error.
   *
   * Do: the message says which [case](#when-the-addon-does-not-load) it is.
   */
  | 'ERR_ADDON'
  /**
   * `config.isa` or `GRADTAPE_ISA` asks for an instruction set that is not there.
   *
   * Do: one of those that the message lists.
   */
  | 'ERR_ISA'
  /**
   * `tape.toSVG` needs the package `@viz-js/viz`, which is not installed.
   *
   * Do: `npm install @viz-js/viz`, or `toDot` and `toHTML`, which need none.
   */
  | 'ERR_PACKAGE'
  /**
   * A mistake of gradtape.
   *
   * Do: please report it.
   */
  | 'ERR_INTERNAL';
