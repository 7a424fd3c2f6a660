// Formats whose block is 256 weights in groups, each with a scale of its own: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K.
#include "decoders.hpp"
#include "half.hpp"

namespace hartonomous {

namespace {

// Scales and minima of eight groups, 6 bits each in 12 bytes: the first four plain, the others split.
HART_INLINE void unpackScales(const std::uint8_t* packed, std::uint8_t* scales, std::uint8_t* mins) noexcept {
  for (int i = 0; i < 4; i++) {
    scales[i] = packed[i] & 63;
    mins[i] = packed[4 + i] & 63;
    scales[4 + i] = static_cast<std::uint8_t>((packed[8 + i] & 15) | ((packed[i] >> 6) << 4));
    mins[4 + i] = static_cast<std::uint8_t>((packed[8 + i] >> 4) | ((packed[4 + i] >> 6) << 4));
  }
}

}  // namespace

// 16 bytes of scales (low half: scale, high half: minimum of 16 weights), 64 of weights, scale, minimum.
HART_CLONES void decodeQ2K(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 84, target += 256) {
    const std::uint32_t half = loadU16(source + 80);
    const std::uint32_t halfMin = loadU16(source + 82);
    const float scale = halfToFloat(half);
    const float min = halfToFloat(halfMin);
    for (int group = 0; group < 16; group++) {
      const float groupScale = scale * static_cast<float>(source[group] & 15);
      const float groupMin = min * static_cast<float>(source[group] >> 4);
      const std::uint8_t* packed = source + 16 + (group >> 3) * 32 + (group & 1) * 16;
      const int shift = ((group >> 1) & 3) * 2;
      float* to = target + group * 16;
      for (int i = 0; i < 16; i++) to[i] = groupScale * static_cast<float>((packed[i] >> shift) & 3) - groupMin;
    }
    if (isSpecialHalf(half) || isSpecialHalf(halfMin)) [[unlikely]] settleNans(target, 256);
  }
}

// 32 bytes of third bits, 64 of weights, 12 of scales in 6 bits each, scale.
HART_CLONES void decodeQ3K(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 110, target += 256) {
    const std::uint32_t half = loadU16(source + 108);
    const float scale = halfToFloat(half);
    for (int group = 0; group < 16; group++) {
      const int low = (source[96 + (group & 7)] >> ((group >> 3) * 4)) & 15;
      const int high = (source[104 + (group & 3)] >> ((group >> 2) * 2)) & 3;
      const float groupScale = scale * static_cast<float>((low | (high << 4)) - 32);
      const std::uint8_t* packed = source + 32 + (group >> 3) * 32 + (group & 1) * 16;
      const std::uint8_t* third = source + (group & 1) * 16;
      const int shift = ((group >> 1) & 3) * 2;
      const int bit = group >> 1;
      float* to = target + group * 16;
      for (int i = 0; i < 16; i++) {
        const int weight = ((packed[i] >> shift) & 3) + (((third[i] >> bit) & 1) << 2) - 4;
        to[i] = groupScale * static_cast<float>(weight);
      }
    }
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 256);
  }
}

// Scale, minimum, 12 bytes of scales, 128 of weights.
HART_CLONES void decodeQ4K(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 144, target += 256) {
    const std::uint32_t half = loadU16(source);
    const std::uint32_t halfMin = loadU16(source + 2);
    const float scale = halfToFloat(half);
    const float min = halfToFloat(halfMin);
    std::uint8_t scales[8];
    std::uint8_t mins[8];
    unpackScales(source + 4, scales, mins);
    for (int pair = 0; pair < 4; pair++) {
      const std::uint8_t* packed = source + 16 + pair * 32;
      const float lowScale = scale * static_cast<float>(scales[2 * pair]);
      const float lowMin = min * static_cast<float>(mins[2 * pair]);
      const float highScale = scale * static_cast<float>(scales[2 * pair + 1]);
      const float highMin = min * static_cast<float>(mins[2 * pair + 1]);
      float* to = target + pair * 64;
      for (int i = 0; i < 32; i++) to[i] = lowScale * static_cast<float>(packed[i] & 15) - lowMin;
      for (int i = 0; i < 32; i++) to[32 + i] = highScale * static_cast<float>(packed[i] >> 4) - highMin;
    }
    if (isSpecialHalf(half) || isSpecialHalf(halfMin)) [[unlikely]] settleNans(target, 256);
  }
}

// As Q4_K, with 32 bytes of fifth bits before the weights.
HART_CLONES void decodeQ5K(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 176, target += 256) {
    const std::uint32_t half = loadU16(source);
    const std::uint32_t halfMin = loadU16(source + 2);
    const float scale = halfToFloat(half);
    const float min = halfToFloat(halfMin);
    std::uint8_t scales[8];
    std::uint8_t mins[8];
    unpackScales(source + 4, scales, mins);
    const std::uint8_t* fifth = source + 16;
    for (int group = 0; group < 8; group++) {
      const std::uint8_t* packed = source + 48 + (group >> 1) * 32;
      const int shift = (group & 1) * 4;
      const float groupScale = scale * static_cast<float>(scales[group]);
      const float groupMin = min * static_cast<float>(mins[group]);
      float* to = target + group * 32;
      for (int i = 0; i < 32; i++) {
        const int weight = ((packed[i] >> shift) & 15) | (((fifth[i] >> group) & 1) << 4);
        to[i] = groupScale * static_cast<float>(weight) - groupMin;
      }
    }
    if (isSpecialHalf(half) || isSpecialHalf(halfMin)) [[unlikely]] settleNans(target, 256);
  }
}

// 128 bytes of low halves, 64 of fifth and sixth bits, 16 scales of 8 bits, scale.
HART_CLONES void decodeQ6K(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 210, target += 256) {
    const std::uint32_t half = loadU16(source + 208);
    const float scale = halfToFloat(half);
    for (int group = 0; group < 16; group++) {
      const float groupScale = scale * static_cast<float>(static_cast<std::int8_t>(source[192 + group]));
      const int part = group >> 3;
      const int row = (group >> 1) & 3;
      const std::uint8_t* low = source + part * 64 + (row & 1) * 32 + (group & 1) * 16;
      const std::uint8_t* high = source + 128 + part * 32 + (group & 1) * 16;
      const int lowShift = (row >> 1) * 4;
      const int highShift = row * 2;
      float* to = target + group * 16;
      for (int i = 0; i < 16; i++) {
        const int weight = ((low[i] >> lowShift) & 15) | (((high[i] >> highShift) & 3) << 4);
        to[i] = groupScale * static_cast<float>(weight - 32);
      }
    }
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 256);
  }
}

}  // namespace hartonomous
