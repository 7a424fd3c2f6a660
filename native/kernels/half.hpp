// Half-precision numbers (IEEE 754 binary16). Branch-free, so that loops over them become vectors.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "target.hpp"

namespace hartonomous {

constexpr std::uint32_t canonicalNan = 0x7fc00000;

HART_INLINE std::uint16_t loadU16(const std::uint8_t* from) noexcept {
  std::uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

HART_INLINE std::uint32_t loadU32(const std::uint8_t* from) noexcept {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Bits of the f32 that equals this half; every NaN becomes the one NaN.
HART_INLINE std::uint32_t halfToFloatBits(std::uint32_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  const std::uint32_t normal = (magnitude << 13) + 0x38000000u;
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f);
  const std::uint32_t finite = magnitude < 0x0400u ? subnormal : normal;
  const std::uint32_t value = sign | (magnitude == 0x7c00u ? 0x7f800000u : finite);
  return magnitude > 0x7c00u ? canonicalNan : value;
}

HART_INLINE float halfToFloat(std::uint32_t half) noexcept {
  return std::bit_cast<float>(halfToFloatBits(half));
}

// True for infinities and NaNs: only with such a scale can a block hold a NaN.
HART_INLINE bool isSpecialHalf(std::uint32_t half) noexcept {
  return (half & 0x7c00u) == 0x7c00u;
}

// Rare: processors differ in the bits of a NaN that an operation makes.
inline void settleNans(float* values, int count) noexcept {
  for (int i = 0; i < count; i++) {
    if (values[i] != values[i]) std::memcpy(values + i, &canonicalNan, sizeof canonicalNan);
  }
}

}  // namespace hartonomous
