// A process of one C++ library: answers what bench/remote.mjs asks, and makes the numbers of bench/inputs.mjs.
// A program of a library gives its `kinds` to serve().
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// n numbers in [-1, 1), the same for the same seed.
template <typename T>
std::vector<T> uniform(size_t n, uint32_t seed) {
  std::vector<T> out(n);
  uint32_t state = seed * 2654435761u;
  for (size_t i = 0; i < n; i++) {
    // mulberry32
    state += 0x6d2b79f5;
    uint32_t z = (state ^ (state >> 15)) * (state | 1);
    z ^= z + (z ^ (z >> 7)) * (z | 61);
    out[i] = static_cast<T>((z ^ (z >> 14)) / 2147483648.0 - 1);
  }
  return out;
}

/// Some of the elements, from all over.
template <typename T>
std::vector<double> some(const std::vector<T>& data) {
  const size_t stride = std::max<size_t>(1, data.size() / 7);
  std::vector<double> out;
  for (size_t i = 0; i < 7; i++) out.push_back(data[std::min(data.size() - 1, i * stride)]);
  return out;
}

/// A line that was asked: one JSON object whose keys are all different, so a key is found by its name.
struct Asked {
  std::string line;

  std::string text(const std::string& key) const {
    const auto at = line.find('"' + key + "\":");
    if (at == std::string::npos) return "";
    const auto from = at + key.size() + 3;
    if (line[from] == '"') return line.substr(from + 1, line.find('"', from + 1) - from - 1);
    return line.substr(from, line.find_first_of(",}", from) - from);
  }
  double number(const std::string& key) const { return std::strtod(text(key).c_str(), nullptr); }
  bool flag(const std::string& key) const { return text(key) == "true"; }
};

/// A case of the library. No step: it has no such thing.
struct Side {
  std::function<void()> step;
  std::function<std::vector<double>()> check;
};

using Kinds = std::map<std::string, std::function<Side(const Asked&)>>;

inline double cpu_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

inline double wall_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

inline std::string shortest(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", x);
  return text;
}

/// ms a step, over n steps.
inline double loop(const Side& side, long n, double (*clock)()) {
  const double from = clock();
  for (long i = 0; i < n; i++) side.step();
  return (clock() - from) / static_cast<double>(n);
}

inline int serve(const Kinds& kinds, const std::string& version, bool cpu) {
  FILE* out = fdopen(3, "w");
  if (out == nullptr) return 2;
  const auto answer = [out](const std::string& key, const std::string& value) {
    std::fprintf(out, "{\"%s\":%s}\n", key.c_str(), value.c_str());
    std::fflush(out);
  };
  double (*const clock)() = cpu ? cpu_ms : wall_ms;
  std::string names;
  for (const auto& [name, make] : kinds) names += (names.empty() ? "\"" : ",\"") + name + '"';
  answer("value", "{\"kinds\":[" + names + "],\"version\":\"" + version + "\"}");

  Side side;
  long steps = 1;
  for (Asked asked; std::getline(std::cin, asked.line);) {
    const std::string command = asked.text("command");
    try {
      std::string value = "null";
      if (command == "open") {
        side = kinds.at(asked.text("kind"))(asked);
        if (side.step) {
          side.step();
          value = "";
          for (const double x : side.check()) value += (value.empty() ? "[" : ",") + shortest(x);
          value += "]";
        }
      } else if (command == "warm") {
        const double from = cpu_ms();
        const double warm = asked.number("warm");
        long n = 1;
        double each = loop(side, 1, clock);
        for (double left; (left = warm - (cpu_ms() - from)) > 0;) {
          n = std::max(1L, std::min(n * 2, static_cast<long>(std::ceil(left / std::max(each, 1e-6)))));
          each = loop(side, n, clock);
        }
        steps = std::max(1L, static_cast<long>(std::ceil(asked.number("sample") / std::max(each, 1e-6))));
        value = shortest(each * static_cast<double>(steps));
      } else if (command == "sample") {
        value = shortest(loop(side, steps, clock));
      } else if (command == "close") {
        side = {};
      }
      answer("value", value);
    } catch (const std::exception& error) {
      answer("error", "\"" + std::string(error.what()) + "\"");
    }
  }
  return 0;
}

}  // namespace bench
