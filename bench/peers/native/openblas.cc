// OpenBLAS: matrix products. Built against scipy-openblas32 of PyPI, whose names begin with scipy_.
#include <cblas.h>

#include <memory>

#include "serve.h"

namespace {

template <typename T, typename Gemm>
bench::Side product(const bench::Asked& asked, Gemm gemm) {
  const auto n = static_cast<int>(asked.number("n"));
  const auto count = static_cast<size_t>(n) * static_cast<size_t>(n);
  const auto of = [&](const char* flag) { return asked.flag(flag) ? CblasTrans : CblasNoTrans; };
  const auto a = std::make_shared<std::vector<T>>(bench::uniform<T>(count, 1));
  const auto b = std::make_shared<std::vector<T>>(bench::uniform<T>(count, 2));
  const auto c = std::make_shared<std::vector<T>>(count);
  const auto ta = of("transposeA");
  const auto tb = of("transposeB");
  return {[=] { gemm(CblasRowMajor, ta, tb, n, n, n, 1, a->data(), n, b->data(), n, 0, c->data(), n); },
          [=] { return bench::some(*c); }};
}

bench::Side matmul(const bench::Asked& asked) {
  return asked.text("dtype") == "float64" ? product<double>(asked, scipy_cblas_dgemm)
                                          : product<float>(asked, scipy_cblas_sgemm);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  scipy_openblas_set_num_threads(std::atoi(argv[1]));
  // "OpenBLAS 0.3.34 ... Zen ...": the second word.
  const std::string config = scipy_openblas_get_config();
  const auto from = config.find(' ') + 1;
  return bench::serve({{"matmul", matmul}}, config.substr(from, config.find(' ', from) - from),
                      std::string(argv[2]) == "cpu");
}
