// The geometry of windows: which elements the taps of a window meet, seen from the side that is computed.
#pragma once

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// n items in so few even parts that none is larger than `most`: where part i begins.
struct EvenParts {
  int64_t n, parts;
  EvenParts(int64_t n, int64_t most) : n(n), parts((n + most - 1) / most) {}
  int64_t operator[](int64_t i) const { return n / parts * i + (i < n % parts ? i : n % parts); }
};

// On one axis, of every `step`-th position that is computed, from `first` on: position t (of `count`) and tap j (of
// `taps`: the axis's tap `tap` + j * tap_step) meet element t * stride + j * dilation + offset of the source.
struct Lattice {
  int64_t first, step, count;
  int64_t tap, tap_step, taps;
  int64_t stride, dilation, offset, length;

  // lo .. hi - 1.
  struct Range {
    int64_t lo, hi;
    bool operator==(const Range& r) const { return lo == r.lo && hi == r.hi; }
    Range within(int64_t from, int64_t to) const { return {lo > from ? lo : from, hi < to ? hi : to}; }
  };
  // The taps of position t that meet an element.
  Range taps_at(int64_t t) const {
    const int64_t at = t * stride + offset;
    int64_t lo, hi;
    if (dilation > 0) {
      lo = at >= 0 ? 0 : (-at - 1) / dilation + 1;
      hi = at >= length ? 0 : (length - 1 - at) / dilation + 1;
    } else {
      lo = at < length ? 0 : (at - length) / -dilation + 1;
      hi = at < 0 ? 0 : at / -dilation + 1;
    }
    if (hi > taps) hi = taps;
    return lo < hi ? Range{lo, hi} : Range{0, 0};
  }
  // The end of the positions from t on that have the same taps. Those that meet some are neighbours.
  int64_t run_end(int64_t t, int64_t end, const Range& range) const {
    if (range.lo == range.hi) {
      while (++t < end && taps_at(t) == range) continue;
      return t;
    }
    while (end - t > 1) {
      const int64_t middle = t + (end - t) / 2;
      (taps_at(middle) == range ? t : end) = middle;
    }
    return end;
  }
  // The positions at which tap j meets an element; of lattices with a positive dilation.
  Range positions_at(int64_t j) const {
    const int64_t at = j * dilation + offset;
    const int64_t lo = at >= 0 ? 0 : (-at - 1) / stride + 1;
    int64_t hi = at >= length ? 0 : (length - 1 - at) / stride + 1;
    if (hi > count) hi = count;
    return lo < hi ? Range{lo, hi} : Range{0, 0};
  }
  int64_t source(int64_t t, int64_t j) const { return t * stride + j * dilation + offset; }
  // The first t whose position is not below `position`.
  int64_t from(int64_t position) const {
    const int64_t t = position <= first ? 0 : (position - first - 1) / step + 1;
    return t < count ? t : count;
  }
};

// The positions of a result, reading an image: one lattice.
inline int64_t result_lattices(const WindowAxis&) { return 1; }
inline Lattice result_lattice(const WindowAxis& a, int64_t) {
  return {0, 1, a.result, 0, 1, a.taps, a.stride, a.dilation, -a.before, a.image};
}

// The positions of an image, reading a result: those that differ by a multiple of the stride meet the same taps.
inline int64_t image_lattices(const WindowAxis& a) { return a.stride < a.image ? a.stride : a.image; }
inline Lattice image_lattice(const WindowAxis& a, int64_t residue) {
  int64_t common = a.stride;
  for (int64_t rest = a.dilation; rest != 0;) {
    const int64_t next = common % rest;
    common = rest;
    rest = next;
  }
  const int64_t tap_step = a.stride / common;
  int64_t tap = 0;
  while (tap < tap_step && tap < a.taps && (residue + a.before - tap * a.dilation) % a.stride != 0) ++tap;
  const bool meets = tap < tap_step && tap < a.taps;
  return {residue,
          a.stride,
          (a.image - residue + a.stride - 1) / a.stride,
          tap,
          tap_step,
          meets ? (a.taps - 1 - tap) / tap_step + 1 : 0,
          1,
          -(a.dilation / common),
          meets ? (residue + a.before - tap * a.dilation) / a.stride : 0,
          a.result};
}

// The table entry of one of the structs below.
template <class K>
constexpr WindowFns window_fns() {
  return {&K::units, &K::prepared_bytes, K::kPrepares ? &K::prepare : nullptr, &K::own_bytes, &K::run};
}

// What most kernels do not need.
struct Unprepared {
  static constexpr bool kPrepares = false;
  static size_t prepared_bytes(const Window&) { return 0; }
  static void prepare(const Window&, const void*, const void*, void*) {}
  static size_t own_bytes(const Window&) { return 0; }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
