#include "sums.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "target.hpp"

namespace hartonomous {

namespace {

// A value that is not finite counts as zero. By bits: comparisons with NaN keep loops from becoming vectors.
HART_INLINE bool isFinite(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

HART_INLINE double finiteOf(float value) noexcept {
  return isFinite(value) ? static_cast<double>(value) : 0.0;
}

// One element into its lane. The order of the fields is that of `momentFields` in binding.ts.
HART_INLINE void addMoment(double* lane, float given) noexcept {
  const bool finite = isFinite(given);
  const double value = finite ? static_cast<double>(given) : 0.0;
  const double square = value * value;
  lane[0 * laneCount] += value;
  lane[1 * laneCount] += std::fabs(value);
  lane[2 * laneCount] += square;
  lane[3 * laneCount] += square * square;
  lane[4 * laneCount] += given == 0.0f ? 1.0 : 0.0;
  lane[5 * laneCount] += finite ? 0.0 : 1.0;
  const double low = finite ? value : HUGE_VAL;
  const double high = finite ? value : -HUGE_VAL;
  lane[6 * laneCount] = low < lane[6 * laneCount] ? low : lane[6 * laneCount];
  lane[7 * laneCount] = high > lane[7 * laneCount] ? high : lane[7 * laneCount];
}

// `productFields` in binding.ts.
HART_INLINE void addProduct(double* lane, float givenA, float givenB) noexcept {
  const bool finite = isFinite(givenA) && isFinite(givenB);
  const double a = finite ? static_cast<double>(givenA) : 0.0;
  const double b = finite ? static_cast<double>(givenB) : 0.0;
  const double difference = b - a;
  const double size = std::fabs(difference);
  lane[0 * laneCount] += a * b;
  lane[1 * laneCount] += a * a;
  lane[2 * laneCount] += b * b;
  lane[3 * laneCount] += difference * difference;
  lane[4 * laneCount] += difference == 0.0 ? 0.0 : 1.0;
  lane[5 * laneCount] += finite ? 0.0 : 1.0;
  lane[6 * laneCount] = size > lane[6 * laneCount] ? size : lane[6 * laneCount];
}

HART_INLINE std::uint64_t splitMix(std::uint64_t seed, std::uint64_t counter) noexcept {
  std::uint64_t word = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
  return word ^ (word >> 31);
}

}  // namespace

HART_CLONES void accumulateMoments(double* state, const float* __restrict values, std::size_t count) noexcept {
  std::size_t lane = static_cast<std::size_t>(std::fmod(state[0], static_cast<double>(laneCount)));
  double lanes[momentFieldCount * laneCount];
  std::memcpy(lanes, state + 1, sizeof lanes);
  std::size_t i = 0;
  for (; i < count && lane != 0; i++, lane = (lane + 1) % laneCount) addMoment(lanes + lane, values[i]);
  for (; i + laneCount <= count; i += laneCount) {
    for (std::size_t l = 0; l < laneCount; l++) addMoment(lanes + l, values[i + l]);
  }
  for (; i < count; i++, lane++) addMoment(lanes + lane, values[i]);
  std::memcpy(state + 1, lanes, sizeof lanes);
  state[0] += static_cast<double>(count);
}

HART_CLONES void accumulateProducts(double* state, const float* __restrict a, const float* __restrict b,
                                    std::size_t count) noexcept {
  std::size_t lane = static_cast<std::size_t>(std::fmod(state[0], static_cast<double>(laneCount)));
  double lanes[productFieldCount * laneCount];
  std::memcpy(lanes, state + 1, sizeof lanes);
  std::size_t i = 0;
  for (; i < count && lane != 0; i++, lane = (lane + 1) % laneCount) addProduct(lanes + lane, a[i], b[i]);
  for (; i + laneCount <= count; i += laneCount) {
    for (std::size_t l = 0; l < laneCount; l++) addProduct(lanes + l, a[i + l], b[i + l]);
  }
  for (; i < count; i++, lane++) addProduct(lanes + lane, a[i], b[i]);
  std::memcpy(state + 1, lanes, sizeof lanes);
  state[0] += static_cast<double>(count);
}

HART_CLONES void accumulateSketch(double* __restrict state, std::size_t width, const float* __restrict values,
                                  std::size_t count, std::uint64_t firstIndex, std::uint64_t seed) noexcept {
  const std::uint64_t wordsPerGroup = width / 64 + 1;
  for (std::size_t from = 0; from < count; from += width) {
    const std::uint64_t counter = (firstIndex + from) / width * wordsPerGroup;
    double* to = state + (splitMix(seed, counter) & (width - 1));
    const std::size_t end = count - from < width ? count - from : width;
    for (std::size_t part = 0; part < end; part += 64) {
      const std::uint64_t signs = splitMix(seed, counter + 1 + part / 64);
      const std::size_t size = end - part < 64 ? end - part : 64;
      for (std::size_t i = 0; i < size; i++) {
        const double value = finiteOf(values[from + part + i]);
        to[part + i] += ((signs >> i) & 1) == 0 ? value : -value;
      }
    }
  }
}

void accumulateHistogram(double* counts, std::size_t bins, const float* values, std::size_t count, double low,
                         double binsPerUnit) noexcept {
  const double last = static_cast<double>(bins - 1);
  for (std::size_t i = 0; i < count; i++) {
    if (!isFinite(values[i])) continue;
    const double place = (static_cast<double>(values[i]) - low) * binsPerUnit;
    const std::size_t bin = place >= last ? bins - 1 : place > 0 ? static_cast<std::size_t>(place) : 0;
    counts[bin] += 1;
  }
}

HART_CLONES void multiply(const float* __restrict matrix, std::size_t rows, std::size_t columns,
                          const double* __restrict x, double* __restrict out) noexcept {
  for (std::size_t row = 0; row < rows; row++, matrix += columns) {
    double lanes[laneCount] = {};
    std::size_t column = 0;
    for (; column + laneCount <= columns; column += laneCount) {
      for (std::size_t l = 0; l < laneCount; l++) lanes[l] += finiteOf(matrix[column + l]) * x[column + l];
    }
    for (std::size_t l = 0; column < columns; column++, l++) lanes[l] += finiteOf(matrix[column]) * x[column];
    for (std::size_t half = laneCount / 2; half >= 1; half /= 2) {
      for (std::size_t l = 0; l < half; l++) lanes[l] += lanes[l + half];
    }
    out[row] = lanes[0];
  }
}

HART_CLONES void multiplyTransposed(const float* __restrict matrix, std::size_t rows, std::size_t columns,
                                    const double* __restrict y, double* __restrict out) noexcept {
  for (std::size_t column = 0; column < columns; column++) out[column] = 0;
  for (std::size_t row = 0; row < rows; row++, matrix += columns) {
    const double factor = y[row];
    for (std::size_t column = 0; column < columns; column++) out[column] += finiteOf(matrix[column]) * factor;
  }
}

}  // namespace hartonomous
