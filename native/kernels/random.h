// Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
// 3", 2011). Element i of a stream depends on the key and on i only.
#pragma once

#include "simd/vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

using Words = Vec<uint64_t>;  // a 32-bit word in the low half of each lane; above it anything

// Two vectors of the stream's 32-bit words, in their order: those of block number `block`, one counter a lane.
GRADTAPE_INLINE void philox(uint64_t key, uint64_t block, Words (&out)[2]) {
  const Words counter = iota<Words>() + block * kLanes<uint64_t>;
  Words c0 = counter, c1 = counter >> 32, c2 = {}, c3 = {};
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  const Words m0 = splat<Words>(0xD2511F53), m1 = splat<Words>(0xCD9E8D57);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Words p0 = multiply_low(c0, m0), p1 = multiply_low(c2, m1);
    c0 = (p1 >> 32) ^ c1 ^ splat<Words>(k0);
    c2 = (p0 >> 32) ^ c3 ^ splat<Words>(k1);
    c1 = p1;
    c3 = p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  const Words low = splat<Words>(0xFFFFFFFF);
  const Words first = (c0 & low) | (c1 << 32), second = (c2 & low) | (c3 << 32);
  out[0] = zip_low(first, second);
  out[1] = zip_high(first, second);
}

// A block of numbers: two vectors.
template <class T>
struct Numbers {
  Vec<T> v[2];
};
template <class T>
constexpr size_t kNumbers = 2 * kLanes<T>;

template <class T>
struct Uniform01 {
  static GRADTAPE_INLINE Numbers<T> block(uint64_t key, uint64_t block) {
    Words words[2];
    philox(key, block, words);
    Numbers<T> r;
#pragma GCC unroll 2
    for (size_t k = 0; k < 2; ++k) {
      if constexpr (sizeof(T) == 8) {  // the upper 53 bits, converted exactly by halves
        const Words bits = words[k] >> 11;
        const auto high = bitcast<Vec<double>>((bits >> 32) | uint64_t(0x4530000000000000)) - (0x1p84 + 0x1p52);
        const auto low = bitcast<Vec<double>>((bits & 0xFFFFFFFF) | uint64_t(0x4330000000000000));
        r.v[k] = (high + low) * 0x1p-53;
      } else if constexpr (T(0.5) != 0) {  // the upper 24 bits
        static_assert(sizeof(T) == 4, "a float");
        r.v[k] = convert<float>((Vec<int32_t>)((Vec<uint32_t>)words[k] >> 8)) * 0x1p-24f;
      } else {
        static_assert(sizeof(T) == 4, "an integer has the bits of one word");
        r.v[k] = (Vec<T>)words[k];
      }
    }
    return r;
  }
};

// Box-Muller: numbers 2 i and 2 i + 1 are made of the uniform numbers 2 i and 2 i + 1.
template <class T>
struct Normal {
  static GRADTAPE_INLINE Numbers<T> block(uint64_t key, uint64_t block) {
    using V = Vec<T>;
    const Numbers<T> u = Uniform01<T>::block(key, block);
    const V radius = vmath::sqrt(-2 * vmath::log(1 - even_lanes(u.v[0], u.v[1])));  // of (0, 1]
    V sine, cosine;
    vmath::sin_cos_turn(odd_lanes(u.v[0], u.v[1]), sine, cosine);
    const V x = radius * cosine, y = radius * sine;
    return {{zip_low(x, y), zip_high(x, y)}};
  }
};

template <class Stream, class T>
void random_fill(uint64_t key, uint64_t offset, void* out, size_t n) {
  T* to = static_cast<T*>(out);
  uint64_t block = offset / kNumbers<T>;
  size_t skip = offset % kNumbers<T>;
  for (; n > 0; ++block) {
    const Numbers<T> numbers = Stream::block(key, block);
    if (skip == 0 && n >= kNumbers<T>) {
      store(to, numbers.v[0]);
      store(to + kLanes<T>, numbers.v[1]);
      to += kNumbers<T>;
      n -= kNumbers<T>;
    } else {
      alignas(kVectorBytes) T part[kNumbers<T>];
      store(part, numbers.v[0]);
      store(part + kLanes<T>, numbers.v[1]);
      for (; skip < kNumbers<T> && n > 0; ++skip, --n) *to++ = part[skip];
      skip = 0;
    }
  }
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
