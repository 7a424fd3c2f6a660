// Sums over the elements of tensors in lanes of f64. Sizes were checked by the caller; states do not overlap with values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hartonomous {

constexpr std::size_t laneCount = 16;
constexpr std::size_t momentFieldCount = 8;   // sum, sumAbs, sumSquares, sumFourths, zeros, nonFinite, min, max
constexpr std::size_t productFieldCount = 7;  // dot, aa, bb, dd, changed, nonFinite, maxAbs
// The first number is the count of elements so far.
constexpr std::size_t momentStateLength = 1 + momentFieldCount * laneCount;
constexpr std::size_t productStateLength = 1 + productFieldCount * laneCount;

void accumulateMoments(double* state, const float* values, std::size_t count) noexcept;
void accumulateProducts(double* state, const float* a, const float* b, std::size_t count) noexcept;

// `state` has 2 * width numbers; `width` is 64, 128 or 256, `firstIndex` a multiple of it.
void accumulateSketch(double* state, std::size_t width, const float* values, std::size_t count, std::uint64_t firstIndex,
                      std::uint64_t seed) noexcept;

void accumulateHistogram(double* counts, std::size_t bins, const float* values, std::size_t count, double low,
                         double binsPerUnit) noexcept;

// `matrix` is row-major.
void multiply(const float* matrix, std::size_t rows, std::size_t columns, const double* x, double* out) noexcept;
void multiplyTransposed(const float* matrix, std::size_t rows, std::size_t columns, const double* y, double* out) noexcept;

}  // namespace hartonomous
