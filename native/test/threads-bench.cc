// Where a second thread begins to pay: the same kernel over an array by one thread and in as many parts as there are,
// with workers that still spin and with workers that sleep. Usage: threads-bench [threads]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../kernels/dispatch.h"
#include "../kernels/kernels.h"
#include "../plan/plan.h"
#include "../run/threads.h"

namespace {

using namespace gradtape;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

// The median of a step's time; before each, the pool is left alone for so long.
template <class F>
double median(F step, std::chrono::microseconds pause) {
  const int count = pause.count() > 0 ? 60 : 400;
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const auto from = Clock::now();
    step();
    times.push_back(microseconds(from, Clock::now()));
  }
  std::nth_element(times.begin(), times.begin() + count / 2, times.end());
  return times[size_t(count / 2)];
}

struct Work {
  const char* name;
  size_t multiple;  // of elements in a part
  double passes;    // what an element costs by the planner's reckoning (plan.h)
  void (*run)(const Kernels& kernels, const float* x, const float* y, float* out, size_t n);
};

constexpr size_t kColumns = 1 << 14;
void softmax(const Kernels& k, const float* x, const float*, float* out, size_t n) {
  k.softmax[kFloat32](x, out, n / 64, 64);
}
template <size_t side>
void product(const Kernels& k, const float* x, const float* y, float* out, size_t n) {
  alignas(64) static thread_local char workspace[1 << 20];
  k.gemm[kFloat32].run(n / side, side, side, x, side, 1, y, side, 1, out, side, false, workspace, nullptr);
}
// An element is a column of 64 rows.
void argmax(const Kernels& k, const float* x, const float*, float* out, size_t n) {
  k.argmax[kFloat32].columns(x, kColumns, reinterpret_cast<int32_t*>(out), 64, n);
}
template <ElementwiseKernel kernel>
void elementwise(const Kernels& k, const float* x, const float* y, float* out, size_t n) {
  for (size_t i = 0; i < n; i += 1024) {
    k.elementwise(kernel, kFloat32)[0](x + i, y + i, nullptr, out + i, std::min<size_t>(1024, n - i));
  }
}
void sum(const Kernels& k, const float* x, const float*, float* out, size_t n) {
  k.reduce[kSum][kFloat32].rows(x, out, n / 1024, 1024);
}

struct Job {
  const Kernels* kernels;
  const Work* work;
  const float *x, *y;
  float* out;
  size_t n, parts;
};

void part(void* context, size_t index, size_t) {
  const Job& j = *static_cast<const Job*>(context);
  const size_t m = j.work->multiple, units = j.n / m;
  const size_t from = units * index / j.parts * m, to = units * (index + 1) / j.parts * m;
  if (from < to) j.work->run(*j.kernels, j.x + from, j.y, j.out + from, to - from);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t threads = argc > 1 ? size_t(std::atol(argv[1])) : std::max(2u, std::thread::hardware_concurrency());
  const Kernels& kernels = *kernels_for("");
  Pool pool;
  pool.set_threads(threads);
  constexpr size_t kMost = 1 << 22;
  std::vector<float> x(kMost, 0.5f), y(kMost, 0.25f), out(kMost);
  const Work works[] = {{"add", 1024, 2, elementwise<k_add>},
                        {"tanh", 1024, 2, elementwise<k_tanh>},
                        {"sum", 1024, 2, sum},
                        {"softmax, rows of 64", 1024, 8, softmax},
                        {"product by 32 x 32", 16 * 32, 32 / kMultiplications, product<32>},
                        {"product by 96 x 96", 12 * 96, 96 / kMultiplications, product<96>},
                        {"argmax down 64 rows", 32, 64, argmax}};
  std::printf("%s, %zu threads; one thread's time over theirs; work as the planner reckons it\n", kernels.isa, threads);
  std::printf("%-20s %9s %9s %9s | %8s %8s\n", "", "elements", "work", "us alone", "spinning", "asleep");
  for (const Work& work : works) {
    for (size_t n = work.multiple * 2; n <= (work.run == argmax ? kColumns : kMost / 2); n *= 2) {
      Job job{&kernels, &work, x.data(), y.data(), out.data(), n, threads};
      const auto alone = [&] { work.run(kernels, x.data(), y.data(), out.data(), n); };
      const auto shared = [&] { pool.run(threads, threads, part, &job); };
      const std::chrono::microseconds none{0}, nap{300};
      const double one = median(alone, none), spinning = median(shared, none);
      const double woken = median(alone, nap), asleep = median(shared, nap);
      std::printf("%-20s %9zu %9.0f %9.1f | %8.2f %8.2f\n", work.name, n, double(n) * work.passes, one, one / spinning,
                  woken / asleep);
      if (one > 500) break;
    }
  }
}
