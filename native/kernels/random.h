// Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
// 3", 2011). Element i of a stream depends on the key and i only.
#pragma once

#include "../vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

struct Words {
  uint32_t w[4];
};

inline Words philox(uint64_t key, uint64_t counter) {
  uint32_t c0 = uint32_t(counter), c1 = uint32_t(counter >> 32), c2 = 0, c3 = 0;
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53) * c0, p1 = uint64_t(0xCD9E8D57) * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = uint32_t(p1);
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

inline float uniform_at(uint64_t key, uint64_t i, float) { return float(philox(key, i / 4).w[i % 4] >> 8) * 0x1p-24f; }
inline double uniform_at(uint64_t key, uint64_t i, double) {
  const Words r = philox(key, i / 2);
  const uint64_t bits = uint64_t(r.w[i % 2 * 2 + 1]) << 32 | r.w[i % 2 * 2];
  return double(bits >> 11) * 0x1p-53;
}
inline int32_t uniform_at(uint64_t key, uint64_t i, int32_t) { return int32_t(philox(key, i / 4).w[i % 4]); }

template <class T>
void random_uniform(uint64_t key, uint64_t offset, void* out, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = uniform_at(key, offset + i, T());
}

template <class T>
void random_normal(uint64_t key, uint64_t offset, void* out, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const uint64_t at = offset + i, pair = at & ~uint64_t(1);
    const Vec<T> u = splat<Vec<T>>(1 - uniform_at(key, pair, T()));
    const Vec<T> angle = splat<Vec<T>>(T(6.283185307179586) * uniform_at(key, pair + 1, T()));
    const Vec<T> radius = vmath::sqrt(-2 * vmath::log(u));
    static_cast<T*>(out)[i] = (radius * (at & 1 ? vmath::sin(angle) : vmath::cos(angle)))[0];
  }
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
