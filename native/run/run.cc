#include "run.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "stream.h"
#include "time-slice.h"

namespace gradtape {
namespace {

constexpr size_t kCountPagesFrom = size_t{1} << 20;  // smaller programs would feel the system call

bool shared(const Plan& plan, const Pool& pool, double work) {
  return work >= (pool.awake() ? plan.shared_awake : plan.shared_asleep);
}

// Of one-element values, whose slots have room for a double.
constexpr bool fit_slots() {
  for (size_t bytes : kDTypeSize) {
    if (bytes > sizeof(double)) return false;
  }
  return true;
}
static_assert(fit_slots(), "an element does not fit its slot");

char* pointer(double address) { return reinterpret_cast<char*>(uintptr_t(address)); }

void store_number(DType dtype, double number, char* to) {
  switch (dtype) {
#define DTYPE(id, name, lane, kind, bytes, sums) \
  case k##id: {                                  \
    static_assert(sizeof(lane) == bytes, #name); \
    const lane x = lane(number);                 \
    std::memcpy(to, &x, sizeof(x));              \
    return;                                      \
  }
#include "kernels/dtype.def"
#undef DTYPE
    default:
      GRADTAPE_UNREACHABLE();
  }
}

// Every NaN becomes JavaScript's own: V8 keeps the sign of another on some paths and drops it on others.
double without_sign(double d) { return d == d ? d : std::numeric_limits<double>::quiet_NaN(); }

double load_number(DType dtype, const char* from) {
  switch (dtype) {
#define DTYPE(id, name, lane, kind, bytes, sums) \
  case k##id: {                                  \
    lane x;                                      \
    std::memcpy(&x, from, sizeof(x));            \
    return without_sign(double(x));              \
  }
#include "kernels/dtype.def"
#undef DTYPE
    default:
      GRADTAPE_UNREACHABLE();
  }
}

Failure run_scalars(const std::vector<ScalarCall>& calls, char* const* addresses) {
  for (const ScalarCall& call : calls) {
    const char* x[3];
    for (int o = 0; o < 3; ++o) x[o] = call.operands[o] >= 0 ? addresses[call.operands[o]] : nullptr;
    if (call.divisor_size > 0 && has_zero(call.divisor_size, x[1], 1)) return {Failure::k_division, call.value, 0, 0};
    call.fn(x[0], x[1], x[2], addresses[call.value], 1);
  }
  return {};
}

// Products of a batch, in parts: whole ones, or strips of one, which have the bits that the whole would have.
struct MatmulJob {
  const GemmFns* gemm;
  const MatmulStep* step;
  const char *a, *b;
  char *c, *workspace;
  int64_t size;
  int64_t parts;
  int64_t first, end;  // of the batch
  // Of the loop over C, if there is one:
  const Loop* loop;
  Executor* executor;
  char *arena, *scratch;
  size_t scratch_bytes;
};

// Where the operands of a batch's products begin, one product after the other.
struct BatchWalk {
  const MatmulStep& step;
  int64_t index[kMaxRank];
  int64_t a = 0, b = 0;  // in elements
  BatchWalk(const MatmulStep& s, int64_t product) : step(s) {
    for (size_t d = s.batch.size(); d-- > 0; product /= s.batch[d]) {
      index[d] = product % s.batch[d];
      a += index[d] * s.batch_a[d];
      b += index[d] * s.batch_b[d];
    }
  }
  void next() {
    for (size_t d = step.batch.size(); d-- > 0;) {
      a += step.batch_a[d];
      b += step.batch_b[d];
      if (++index[d] < step.batch[d]) return;
      a -= step.batch_a[d] * step.batch[d];
      b -= step.batch_b[d] * step.batch[d];
      index[d] = 0;
    }
  }
};

// What goes along with a strip of a product: the thread's time slice, and the loop over the strip, if there is one.
struct Companion {
  TimeSlice slice;
  LoopRun* run;
  int64_t start, n;  // the strip's first element in C; columns of C
  bool ok;
};

void spend(void* context, size_t multiplications) noexcept {
  static_cast<Companion*>(context)->slice.spend(double(multiplications) / kMultiplications);
}

void follow(void* context, size_t row, size_t rows, size_t column, size_t columns) noexcept {
  Companion& f = *static_cast<Companion*>(context);
  if (!f.ok) return;
  const int64_t from = f.start + int64_t(row) * f.n + int64_t(column);
  if (int64_t(columns) == f.n) {
    f.ok = f.run->run_elements(from, from + int64_t(rows) * f.n);
    return;
  }
  for (int64_t i = 0; i < int64_t(rows) && f.ok; ++i)
    f.ok = f.run->run_elements(from + i * f.n, from + i * f.n + int64_t(columns));
}

void matmul_part(void* context, size_t part, size_t thread) {
  const MatmulJob& job = *static_cast<const MatmulJob*>(context);
  const MatmulStep& s = *job.step;
  const bool by_rows = s.by_rows();
  int64_t from = 0, to = by_rows ? s.m : s.n, product = job.first, end = job.end;
  if (s.by_batch) {
    product = job.end * int64_t(part) / job.parts;
    end = job.end * int64_t(part + 1) / job.parts;
  } else {
    s.strip(int64_t(part), job.parts, from, to);
  }
  if (from >= to || product >= end) return;
  const int64_t m = by_rows ? to - from : s.m, n = by_rows ? s.n : to - from;
  const int64_t first = by_rows ? from * s.n : from, of_a = by_rows ? from * s.rsa : 0,
                of_b = by_rows ? 0 : from * s.csb;
  const auto multiply = [&](const BatchWalk& at, const GemmListener* listener) {
    job.gemm->run(size_t(m), size_t(n), size_t(s.k), job.a + (at.a + of_a) * job.size, s.rsa, s.csa,
                  job.b + (at.b + of_b) * job.size, s.rsb, s.csb, job.c + (product * s.m * s.n + first) * job.size, s.n,
                  false, job.workspace + int64_t(thread) * s.workspace_bytes, listener);
  };
  BatchWalk at(s, product);
  Companion companion{TimeSlice(job.executor->yields), nullptr, 0, s.n, true};
  GemmListener listener{&companion, nullptr, companion.slice.yields() ? spend : nullptr};
  if (!job.loop) {
    for (; product < end; ++product, at.next()) multiply(at, listener.progress ? &listener : nullptr);
    return;
  }
  char* scratch = job.scratch + thread * job.scratch_bytes;
  LoopRun run(*job.loop, job.executor->addresses.data(), job.arena, scratch, scratch + job.loop->register_bytes(),
              job.executor->threads[thread].states[0]);
  companion.run = &run;
  companion.ok = run.run_uniform();
  listener.done = follow;
  for (; product < end; ++product, at.next()) {
    companion.start = product * s.m * s.n + first;
    multiply(at, &listener);
  }
  if (!companion.ok) job.executor->failures[part] = run.failure();
}

Failure run_matmul(const Plan& plan, const MatmulStep& step, Executor& executor, char* arena, char* scratch,
                   Pool& pool) {
  const Value& v = plan.program.values[step.value];
  char* const* addresses = executor.addresses.data();
  MatmulJob job{&plan.kernels->gemm[v.dtype],
                &step,
                addresses[step.a],
                addresses[step.b],
                addresses[step.value],
                arena + step.workspace,
                int64_t(kDTypeSize[v.dtype]),
                shared(plan, pool, step.work) ? step.parts : 1,
                0,
                step.products,
                step.loop >= 0 ? &plan.loops[step.loop] : nullptr,
                &executor,
                arena,
                scratch,
                plan.scratch_bytes};
  executor.failures.assign(size_t(job.parts), {});
  if (step.by_batch) {
    pool.run(size_t(job.parts), executor.threads.size(), matmul_part, &job);
  } else {
    for (; job.first < step.products; ++job.first) {
      job.end = job.first + 1;
      pool.run(size_t(job.parts), executor.threads.size(), matmul_part, &job);
    }
  }
  for (int64_t part = 0; part < job.parts; ++part) {
    if (executor.failures[part].code != Failure::kNone) return executor.failures[part];
  }
  return {};
}

// A step's units in as many parts as there are threads.
struct KernelJob {
  const StepRun* run;
  const KernelStep* step;
  int64_t parts;
  char *prepared, *own;
  Failure* failures;  // by part; null if none can fail
  bool yields;

  Failure run_units(int64_t from, int64_t to, char* room) const {
    return TimeSlice(yields).run(
        from, to, step->work / double(std::max<int64_t>(step->units, 1)),
        [&](int64_t first, int64_t end) { return step->kind->run(*run, first, end, prepared, room); });
  }
};

void kernel_part(void* context, size_t part, size_t) {
  const KernelJob& job = *static_cast<const KernelJob*>(context);
  const KernelStep& s = *job.step;
  const int64_t from = s.units * int64_t(part) / job.parts, to = s.units * int64_t(part + 1) / job.parts;
  const Failure failure = job.run_units(from, to, job.own + int64_t(part) * s.own_bytes);
  if (job.failures) job.failures[part] = failure;
}

Failure run_kernel(const Plan& plan, const KernelStep& step, const double* data, Executor& executor, char* arena,
                   Pool& pool) {
  // Kernels compute addresses in an operand without elements, though they read none: null would be undefined.
  alignas(kAlign) static const char kEmpty[kAlign] = {};
  const StepKind& kind = *step.kind;
  const Value* values = plan.program.values.data();
  const Value& v = values[step.value];
  char* const* addresses = executor.addresses.data();
  executor.pointers.clear();
  for (int o = 0; o < v.arity; ++o) {
    const char* x = addresses[plan.bases[step.operands + o]];
    executor.pointers.push_back(x ? x : kEmpty);
  }
  executor.results.clear();
  for (int k = 0; k < kind.results; ++k) {
    const int32_t result = plan.results[step.results + k];
    executor.results.push_back(result >= 0 ? addresses[result] : nullptr);
  }
  const StepRun run{v,
                    Operands(v, values),
                    executor.pointers.data(),
                    executor.results.data(),
                    v.data >= 0 ? data + v.data : nullptr,
                    *plan.kernels,
                    step.value};
  if (step.checks) return kind.check_data(run);
  if (kind.prepare) kind.prepare(run, arena + step.prepared);
  const int64_t parts = shared(plan, pool, step.work) ? step.parts : 1;
  KernelJob job{&run, &step, parts, arena + step.prepared, arena + step.own, nullptr, executor.yields && !kind.repeats};
  if (parts == 1) return job.run_units(0, step.units, job.own);
  if (kind.can_fail) {
    executor.failures.assign(size_t(parts), {});
    job.failures = executor.failures.data();
  }
  pool.run(size_t(parts), executor.threads.size(), kernel_part, &job);
  for (int64_t part = 0; job.failures && part < parts; ++part) {
    if (job.failures[part].code != Failure::kNone) return job.failures[part];
  }
  return {};
}

// A loop in as many parts as there are threads, each a contiguous range of units.
struct LoopJob {
  const Loop* loop;
  Executor* executor;
  char *arena, *scratch;
  size_t scratch_bytes;
  int64_t units;
  size_t parts;
};

void loop_part(void* context, size_t part, size_t thread) {
  const LoopJob& job = *static_cast<const LoopJob*>(context);
  char* scratch = job.scratch + thread * job.scratch_bytes;
  LoopRun run(*job.loop, job.executor->addresses.data(), job.arena, scratch, scratch + job.loop->register_bytes(),
              job.executor->threads[thread].states[0]);
  const int64_t from = job.units * int64_t(part) / int64_t(job.parts),
                to = job.units * int64_t(part + 1) / int64_t(job.parts);
  job.executor->failures[part] = TimeSlice(job.executor->yields)
                                     .run(from, to, job.loop->work() / double(job.units),
                                          [&](int64_t first, int64_t end) { return run.run_units(first, end); });
}

Failure run_loop(const Plan& plan, const Loop& loop, Executor& executor, char* arena, char* scratch, Pool& pool) {
  const int64_t units = LoopRun::units(loop);
  const size_t threads = executor.threads.size();
  const size_t parts = shared(plan, pool, loop.work()) ? size_t(std::min<int64_t>(units, int64_t(threads))) : 1;
  LoopJob job{&loop, &executor, arena, scratch, plan.scratch_bytes, units, parts};
  executor.failures.assign(parts, {});
  pool.run(parts, threads, loop_part, &job);
  for (size_t part = 0; part < parts; ++part) {
    if (executor.failures[part].code != Failure::kNone) return executor.failures[part];
  }
  LoopRun::combine_partials(loop, executor.addresses.data(), arena);
  return {};
}

// The loops of a tiling in as many parts as there are threads, each a contiguous range of units: of tiles, or of
// panels.
struct TilingJob {
  const Plan* plan;
  const Tiling* tiling;
  Executor* executor;
  char *arena, *scratch;
  int64_t units;
  size_t parts;
};

const Loop* columns_of(const Plan& plan, const Tiling& t) { return t.columns >= 0 ? &plan.loops[t.columns] : nullptr; }

class TilingRun {
 public:
  TilingRun(const TilingJob& job, size_t thread)
      : tiling_(*job.tiling),
        thread_(job.executor->threads[thread]),
        room_(job.scratch + thread * job.plan->scratch_bytes + tiling_.locals_at),
        columns_(columns_of(*job.plan, tiling_)),
        plan_(*job.plan),
        slice_(job.executor->yields),
        work_of_row_(tiling_.work / double(tiling_.rows)) {
    char *registers = job.scratch + thread * plan_.scratch_bytes, *own = registers + tiling_.registers;
    thread_.runs.clear();
    for (int32_t k = tiling_.first; k < tiling_.end; ++k) {
      const Loop& loop = plan_.loops[k];
      const auto take = [&](int32_t value) { thread_.addresses[value] = job.executor->addresses[value]; };
      for (const Source& source : loop.sources) take(source.value);
      for (const Instruction& in : loop.instructions) take(in.value);
      for (const LoopReduction& red : loop.reductions) take(red.value);
      thread_.runs.emplace_back(loop, thread_.addresses.data(), job.arena, registers, own,
                                thread_.states[thread_.runs.size()]);
      own += loop.own_bytes();
    }
  }

  void unit(int64_t u) {
    if (!columns_) return rows(u * tiling_.tile, tiling_.rows, nullptr, {}, 0);
    const ColumnPartition part(*columns_);
    const LoopRun::Panel panel = LoopRun::panel(part, u);
    const int64_t end = part.length * part.fold;
    for (int64_t c = 0; c < panel.chunks; ++c) rows((panel.first + c) * tiling_.tile, end, &part, panel, c);
    rows(panel.last ? end : tiling_.rows, tiling_.rows, &part, panel, panel.chunks);
  }

 private:
  // A tile, of rows before `end`, by each loop in turn. Those that reduce columns reduce a chunk, or end the panel.
  void rows(int64_t from, int64_t end, const ColumnPartition* part, const LoopRun::Panel& panel, int64_t chunk) {
    const int64_t to = std::min(from + tiling_.tile, end);
    for (const Tiling::Local& local : tiling_.locals) {
      // As if all rows were there.
      const uintptr_t at = reinterpret_cast<uintptr_t>(room_ + plan_.places[local.value].at);
      thread_.addresses[local.value] = reinterpret_cast<char*>(at - uintptr_t(from * local.row_bytes));
    }
    for (size_t k = 0; k < thread_.runs.size(); ++k) {
      thread_.runs[k].run_uniform();  // into registers that the loops share
      if (plan_.loops[size_t(tiling_.first) + k].inner <= 1)
        thread_.runs[k].run_rows(from, to, tiling_.rows);
      else if (chunk < panel.chunks)
        thread_.runs[k].run_chunk(*part, panel, chunk);
      else
        thread_.runs[k].end_panel(*part, panel);
    }
    slice_.spend(work_of_row_ * double(to - from));
  }

  const Tiling& tiling_;
  ThreadState& thread_;
  char* room_;
  const Loop* columns_;
  const Plan& plan_;
  TimeSlice slice_;
  const double work_of_row_;
};

void tiling_part(void* context, size_t part, size_t thread) {
  const TilingJob& job = *static_cast<const TilingJob*>(context);
  TilingRun run(job, thread);
  const int64_t from = job.units * int64_t(part) / int64_t(job.parts),
                to = job.units * int64_t(part + 1) / int64_t(job.parts);
  for (int64_t u = from; u < to; ++u) run.unit(u);
  stream_fence();
}

void run_tiling(const Plan& plan, const Tiling& tiling, Executor& executor, char* arena, char* scratch, Pool& pool) {
  const Loop* columns = columns_of(plan, tiling);
  const int64_t units = columns ? ColumnPartition(*columns).panels : (tiling.rows + tiling.tile - 1) / tiling.tile;
  const size_t threads = executor.threads.size();
  const size_t parts = shared(plan, pool, tiling.work) ? size_t(std::min<int64_t>(units, int64_t(threads))) : 1;
  TilingJob job{&plan, &tiling, &executor, arena, scratch, units, parts};
  pool.run(parts, threads, tiling_part, &job);
  for (int32_t k = tiling.first; k < tiling.end; ++k) {
    if (plan.loops[k].inner > 1) LoopRun::combine_partials(plan.loops[k], executor.addresses.data(), arena);
  }
}

// Room for all that the steps put into the executor's lists, so that none of them allocates.
void prepare(const Plan& plan, size_t threads, Executor& executor) {
  const size_t n = plan.program.values.size();
  executor.threads.resize(threads);
  for (ThreadState& thread : executor.threads) {
    if (thread.states.size() < plan.most_tiled) thread.states.resize(plan.most_tiled);
    for (LoopState& state : thread.states) {
      if (state.operands.capacity() < plan.most_operands) state.operands.reserve(plan.most_operands);
      if (state.expanded.capacity() < plan.most_sources) state.expanded.reserve(plan.most_sources);
    }
    if (plan.tilings.empty()) continue;
    if (thread.runs.capacity() < plan.most_tiled) thread.runs.reserve(plan.most_tiled);
    if (thread.addresses.size() < n) thread.addresses.resize(n);
  }
  if (executor.addresses.size() < n) executor.addresses.resize(n);
  if (executor.slots.size() < plan.slots) executor.slots.resize(plan.slots);
  if (executor.pointers.capacity() < plan.most_pointers) executor.pointers.reserve(plan.most_pointers);
  if (executor.results.capacity() < plan.most_pointers) executor.results.reserve(plan.most_pointers);
  if (executor.failures.capacity() < kMaxParts) executor.failures.reserve(kMaxParts);
}

}  // namespace

Failure run(const Plan& plan, const double* data, double* results, Executor& executor, Pool& pool) {
  const std::vector<Value>& values = plan.program.values;
  const size_t threads = plan.shared_work > 0 ? std::min({pool.threads(), plan.threads, kMaxParts}) : 1;
  const size_t scratch_at = (plan.arena_bytes + kAlign - 1) / kAlign * kAlign;
  const size_t bytes = scratch_at + plan.scratch_bytes * threads;
  char* arena = executor.arena.reserve(bytes);
  if (bytes > 0 && !arena) return {Failure::k_memory, -1, 0, int64_t(bytes)};
  if (bytes >= kCountPagesFrom) executor.arena.count_absent_pages(bytes);
  prepare(plan, threads, executor);
  // After all allocations: new threads may take the last of the memory.
  if (threads > 1 && plan.shared_work >= plan.shared_asleep) pool.wake();
  char** addresses = executor.addresses.data();
  for (size_t i = 0; i < values.size(); ++i) {
    const Place& place = plan.places[i];
    switch (place.kind) {
      case Place::kNowhere:
        addresses[i] = nullptr;
        break;
      case Place::kData:
        addresses[i] = pointer(data[place.at]);
        break;
      case Place::kArena:
        addresses[i] = arena + place.at;
        break;
      case Place::kTile:
        addresses[i] = nullptr;
        break;
      case Place::kSlot:
        addresses[i] = reinterpret_cast<char*>(&executor.slots[size_t(place.at)]);
        if (values[i].opcode == kLiteral) store_number(values[i].dtype, data[values[i].data], addresses[i]);
        break;
      default:
        GRADTAPE_UNREACHABLE();
    }
  }
  TimeSlice slice(executor.yields);
  executor.stopped = false;
  for (const Step& step : plan.steps) {
    if (executor.unwanted && executor.unwanted->load(std::memory_order_relaxed)) {
      executor.stopped = true;
      return {};
    }
    slice.yield_if_due();
    Failure failure;
    switch (step.kind) {
      case Step::kScalars:
        failure = run_scalars(plan.scalars[step.index], addresses);
        break;
      case Step::kLoop:
        failure = run_loop(plan, plan.loops[step.index], executor, arena, arena + scratch_at, pool);
        break;
      case Step::kTiling:
        run_tiling(plan, plan.tilings[step.index], executor, arena, arena + scratch_at, pool);
        break;
      case Step::kMatmul:
        failure = run_matmul(plan, plan.matmuls[step.index], executor, arena, arena + scratch_at, pool);
        break;
      case Step::kKernel:
        failure = run_kernel(plan, plan.kernel_steps[step.index], data, executor, arena, pool);
        break;
      default:
        GRADTAPE_UNREACHABLE();
    }
    if (failure.code != Failure::kNone) return failure;
  }
  for (const Replacement& r : plan.replacements) {
    const Value& v = values[r.value];
    std::memcpy(addresses[r.input], addresses[r.value], size_t(v.size) * kDTypeSize[v.dtype]);
  }
  for (size_t k = 0; k < plan.program.outputs.size(); ++k) {
    if (plan.program.output_data[k] >= 0) continue;
    const int32_t v = plan.program.outputs[k];
    *results++ = load_number(values[v].dtype, addresses[plan.base[v]]);
  }
  return {};
}

}  // namespace gradtape
