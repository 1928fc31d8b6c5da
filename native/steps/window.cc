// Convolutions and pools: a window slides over images.
#include "step.h"

namespace gradtape {
namespace {

// The window of a value over images x and y (or a filter). Returns null, or what does not fit.
const char* window_of(const Value& v, Operands operands, WindowOp op, Window& window) {
  const Value &x = operands[0], &y = operands[1];
  if (!is_floating(v.dtype)) return "dtype has no windows";
  if (x.dtype != v.dtype || y.dtype != v.dtype) return "operand dtypes differ";
  // Which of the three is the image, which the result; a filter or keys are the third.
  const Value &image = makes_image(op) ? v : x, &result = makes_image(op) ? x : makes_filter(op) ? y : v;
  const Value& third = makes_filter(op) ? v : y;
  const bool dense = is_dense(op), pools = is_pool(op);
  if (image.rank != 4 || result.rank != 4 || third.rank != (dense || pools ? 4 : 3)) return "wrong rank";
  if (image.dims[0] != result.dims[0]) return "batches differ";
  window.batch = image.dims[0];
  window.channels = image.dims[3];
  window.results = result.dims[3];
  for (int d = 0; d < 2; ++d) {
    const int32_t* at = v.attributes + 5 * d;
    if (at[0] < 1 || at[1] < 1 || at[2] < 1 || at[3] < 0 || at[4] < 0) return "attribute out of range";
    WindowAxis& axis = d == 0 ? window.rows : window.columns;
    axis = {image.dims[1 + d], result.dims[1 + d], at[0], at[1], at[2], at[3]};
    const int64_t room = axis.image + axis.before + at[4] - ((axis.taps - 1) * axis.dilation + 1);
    if (axis.result != (room < 0 ? 0 : room / axis.stride + 1)) return "length of the result does not fit the window";
    if (!pools && third.dims[d] != axis.taps) return "filter does not fit the window";
  }
  if (pools ? !same_shape(third, image) : third.dims[2] != window.channels) return "channels differ";
  if (dense ? third.dims[3] != window.results : window.results != window.channels) return "channels differ";
  return nullptr;
}

template <WindowOp op>
struct WindowStep {
  static const char* check(const Value& v, Operands x) {
    Window window;
    return window_of(v, x, op, window);
  }
  // Of a value that fits.
  static Window window(const Value& v, Operands x) {
    Window window;
    window_of(v, x, op, window);
    return window;
  }
  static double work(const Value& v, Operands x) {
    const Window w = window(v, x);
    double work = double(w.batch) * double(w.rows.result) * double(w.columns.result) * double(w.results);
    work *= double(w.rows.taps) * double(w.columns.taps);
    if (is_dense(op)) work *= double(w.channels);
    return work / kMultiplications;
  }
  static int64_t units(const Value& v, Operands x, const Kernels& kernels) {
    return kernels.window[op][v.dtype].units(window(v, x));
  }
  static size_t prepared_bytes(const Value& v, Operands x, const Kernels& kernels) {
    const WindowFns& fns = kernels.window[op][v.dtype];
    return fns.prepare ? fns.prepared_bytes(window(v, x)) : 0;
  }
  static void prepare(const StepRun& s, char* prepared) {
    const WindowFns& fns = s.kernels.window[op][s.v.dtype];
    if (fns.prepare) fns.prepare(window(s.v, s.x), s.in[0], s.in[1], prepared);
  }
  static size_t own_bytes(const Value& v, Operands x, const Kernels& kernels) {
    return kernels.window[op][v.dtype].own_bytes(window(v, x));
  }
  static Failure run(const StepRun& s, int64_t from, int64_t to, const char* prepared, char* own) {
    s.kernels.window[op][s.v.dtype].run(window(s.v, s.x), s.in[0], s.in[1], s.out[0], from, to, prepared, own);
    return {};
  }

  static constexpr StepKind kind() {
    StepKind k;
    k.arity = 2;
    k.attributes = 10;  // rows' taps, stride, dilation, pads before, after; columns' the same
    k.check = check;
    k.work = work;
    k.units = units;
    k.prepared_bytes = prepared_bytes;
    k.prepare = prepare;
    k.own_bytes = own_bytes;
    k.run = run;
    return k;
  }
};

}  // namespace

const StepKind conv2d_step = WindowStep<kConv>::kind();
const StepKind conv2dBackpropInput_step = WindowStep<kConvImage>::kind();
const StepKind conv2dBackpropFilter_step = WindowStep<kConvFilter>::kind();
const StepKind depthwiseConv2d_step = WindowStep<kDepthwise>::kind();
const StepKind depthwiseConv2dBackpropInput_step = WindowStep<kDepthwiseImage>::kind();
const StepKind depthwiseConv2dBackpropFilter_step = WindowStep<kDepthwiseFilter>::kind();
const StepKind maxPool_step = WindowStep<kMaxPool>::kind();
const StepKind maxPoolGrad_step = WindowStep<kMaxPoolImage>::kind();

}  // namespace gradtape
