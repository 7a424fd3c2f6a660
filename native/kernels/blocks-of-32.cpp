// Formats whose block is 32 weights with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4.
#include "bytes16.hpp"
#include "decoders.hpp"
#include "half.hpp"

namespace hartonomous {

namespace {

// The values that IQ4_NL and MXFP4 choose from (ggml-common.h: kvalues_iq4nl, kvalues_mxfp4), each plus 128.
constexpr std::uint8_t nonLinear[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
constexpr std::uint8_t microscaling[16] = {128, 129, 130, 131, 132, 134, 136, 140,
                                           128, 127, 126, 125, 124, 122, 120, 116};

}  // namespace

HART_CLONES void decodeQ40(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 18, target += 32) {
    const std::uint32_t half = loadU16(source);
    const float scale = halfToFloat(half);
    const std::uint8_t* packed = source + 2;
    for (int i = 0; i < 16; i++) target[i] = scale * static_cast<float>((packed[i] & 15) - 8);
    for (int i = 0; i < 16; i++) target[16 + i] = scale * static_cast<float>((packed[i] >> 4) - 8);
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 32);
  }
}

HART_CLONES void decodeQ41(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 20, target += 32) {
    const std::uint32_t half = loadU16(source);
    const std::uint32_t halfMin = loadU16(source + 2);
    const float scale = halfToFloat(half);
    const float min = halfToFloat(halfMin);
    const std::uint8_t* packed = source + 4;
    for (int i = 0; i < 16; i++) target[i] = scale * static_cast<float>(packed[i] & 15) + min;
    for (int i = 0; i < 16; i++) target[16 + i] = scale * static_cast<float>(packed[i] >> 4) + min;
    if (isSpecialHalf(half) || isSpecialHalf(halfMin)) [[unlikely]] settleNans(target, 32);
  }
}

HART_CLONES void decodeQ50(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 22, target += 32) {
    const std::uint32_t half = loadU16(source);
    const float scale = halfToFloat(half);
    const std::uint32_t fifth = loadU32(source + 2);
    const Bytes16 packed = loadBytes16(source + 6);
    scaleBiased((packed & 15) | fifthBits(fifth), 16, scale, target);
    scaleBiased((packed >> 4) | fifthBits(fifth >> 16), 16, scale, target + 16);
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 32);
  }
}

HART_CLONES void decodeQ51(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 24, target += 32) {
    const std::uint32_t half = loadU16(source);
    const std::uint32_t halfMin = loadU16(source + 2);
    const float scale = halfToFloat(half);
    const float min = halfToFloat(halfMin);
    const std::uint32_t fifth = loadU32(source + 4);
    const Bytes16 packed = loadBytes16(source + 8);
    scaleBiasedAndShift((packed & 15) | fifthBits(fifth) | 32, 32, scale, min, target);
    scaleBiasedAndShift((packed >> 4) | fifthBits(fifth >> 16) | 32, 32, scale, min, target + 16);
    if (isSpecialHalf(half) || isSpecialHalf(halfMin)) [[unlikely]] settleNans(target, 32);
  }
}

HART_CLONES void decodeQ80(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t block = 0; block < blocks; block++, source += 34, target += 32) {
    const std::uint32_t half = loadU16(source);
    const float scale = halfToFloat(half);
    for (int i = 0; i < 32; i++) target[i] = scale * static_cast<float>(static_cast<std::int8_t>(source[2 + i]));
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 32);
  }
}

HART_CLONES void decodeIq4Nl(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  const Bytes16 table = loadBytes16(nonLinear);
  for (std::size_t block = 0; block < blocks; block++, source += 18, target += 32) {
    const std::uint32_t half = loadU16(source);
    const float scale = halfToFloat(half);
    const Bytes16 packed = loadBytes16(source + 2);
    scaleBiased(pick(table, packed & 15), 128, scale, target);
    scaleBiased(pick(table, packed >> 4), 128, scale, target + 16);
    if (isSpecialHalf(half)) [[unlikely]] settleNans(target, 32);
  }
}

// The scale is 2^(exponent - 128): half of what the exponent says, because the values are kept doubled.
HART_CLONES void decodeMxfp4(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  const Bytes16 table = loadBytes16(microscaling);
  for (std::size_t block = 0; block < blocks; block++, source += 17, target += 32) {
    const std::uint32_t exponent = source[0];
    const float scale = std::bit_cast<float>(exponent < 2 ? 0x00200000u << exponent : (exponent - 1) << 23);
    const Bytes16 packed = loadBytes16(source + 1);
    scaleBiased(pick(table, packed & 15), 128, scale, target);
    scaleBiased(pick(table, packed >> 4), 128, scale, target + 16);
  }
}

}  // namespace hartonomous
