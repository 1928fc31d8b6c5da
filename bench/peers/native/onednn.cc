// oneDNN 2: matrix products and the convolution (direct, NHWC; the filter reordered beforehand as oneDNN likes it).
#include <dnnl.hpp>
#include <memory>

#include "serve.h"

namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  static dnnl::stream one(engine());
  return one;
}

memory::desc floats(const Dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

/// The numbers in a memory of that layout.
memory filled(const memory::desc& desc, const std::vector<float>& data) {
  memory out(desc, engine());
  std::copy(data.begin(), data.end(), static_cast<float*>(out.get_data_handle()));
  return out;
}

memory reordered(memory from, const memory::desc& desc) {
  if (from.get_desc() == desc) return from;
  memory out(desc, engine());
  dnnl::reorder(from, out).execute(stream(), from, out);
  stream().wait();
  return out;
}

/// Runs a primitive; the result is looked at in the layout `plain`.
bench::Side side(const dnnl::primitive& primitive, const std::unordered_map<int, memory>& given, const memory& result,
                 const memory::desc& plain) {
  const auto step = [=] {
    primitive.execute(stream(), given);
    stream().wait();
  };
  const auto check = [=] {
    const memory out = reordered(result, plain);
    const auto* data = static_cast<const float*>(out.get_data_handle());
    return bench::some(std::vector<float>(data, data + out.get_desc().get_size() / sizeof(float)));
  };
  return {step, check};
}

bench::Side matmul(const bench::Asked& asked) {
  if (asked.text("dtype") != "float32") return {};
  const auto n = static_cast<memory::dim>(asked.number("n"));
  const auto count = static_cast<size_t>(n * n);
  const auto operand = [&](const char* flag, uint32_t seed) {
    return filled(floats({n, n}, asked.flag(flag) ? Tag::ba : Tag::ab), bench::uniform<float>(count, seed));
  };
  const memory a = operand("transposeA", 1);
  const memory b = operand("transposeB", 2);
  const auto plain = floats({n, n}, Tag::ab);
  const memory c(plain, engine());
  const dnnl::matmul::desc desc(a.get_desc(), b.get_desc(), plain);
  const dnnl::matmul product(dnnl::matmul::primitive_desc(desc, engine()));
  return side(product, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}}, c, plain);
}

bench::Side convolution(const bench::Asked& asked) {
  const auto dim = [&](const char* key) { return static_cast<memory::dim>(asked.number(key)); };
  const memory::dim batch = dim("batch"), size = dim("size"), channels = dim("channels"), filters = dim("filters");
  const auto numbers = [](const memory::desc& desc, uint32_t seed) {
    return filled(desc, bench::uniform<float>(desc.get_size() / sizeof(float), seed));
  };
  const auto x_desc = floats({batch, channels, size, size}, Tag::nhwc);
  const auto filter_desc = floats({filters, channels, 3, 3}, Tag::hwio);
  const auto y_desc = floats({batch, filters, size, size}, Tag::nhwc);
  const auto any = floats({filters, channels, 3, 3}, Tag::any);
  const memory x = numbers(x_desc, 1), filter = numbers(filter_desc, 2), gradient = numbers(y_desc, 3);

  const auto direct = dnnl::algorithm::convolution_direct;
  const Dims one{1, 1};
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, x_desc, any, y_desc, one, one, one}, engine());
  const std::string part = asked.text("part");
  if (part == "forward") {
    const memory y(y_desc, engine());
    const memory weights = reordered(filter, forward.weights_desc());
    return side(dnnl::convolution_forward(forward), {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, y}},
                y, y_desc);
  }
  if (part == "input") {
    const dnnl::convolution_backward_data::primitive_desc backward({direct, x_desc, any, y_desc, one, one, one},
                                                                   engine(), forward);
    const memory dx(x_desc, engine());
    const memory weights = reordered(filter, backward.weights_desc());
    return side(dnnl::convolution_backward_data(backward),
                {{DNNL_ARG_DIFF_DST, gradient}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, dx}}, dx, x_desc);
  }
  const dnnl::convolution_backward_weights::primitive_desc backward({direct, x_desc, any, y_desc, one, one, one},
                                                                    engine(), forward);
  const memory dw(backward.diff_weights_desc(), engine());
  return side(dnnl::convolution_backward_weights(backward),
              {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, gradient}, {DNNL_ARG_DIFF_WEIGHTS, dw}}, dw, filter_desc);
}

}  // namespace

// The number of threads comes by OMP_NUM_THREADS.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const dnnl_version_t* v = dnnl_version();
  const auto version = std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' + std::to_string(v->patch);
  return bench::serve({{"matmul", matmul}, {"conv", convolution}}, version, std::string(argv[2]) == "cpu");
}
