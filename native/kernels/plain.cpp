// F32, F16, BF16: no blocks, only other widths.
#include "decoders.hpp"
#include "half.hpp"

namespace hartonomous {

void decodeF32(const std::uint8_t* source, std::size_t blocks, float* target) noexcept {
  if (blocks > 0) std::memcpy(target, source, blocks * sizeof(float));
}

HART_CLONES void decodeF16(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t i = 0; i < blocks; i++) target[i] = halfToFloat(loadU16(source + 2 * i));
}

// As bits: the NaNs of the file stay what they are.
HART_CLONES void decodeBf16(const std::uint8_t* __restrict source, std::size_t blocks, float* __restrict target) noexcept {
  for (std::size_t i = 0; i < blocks; i++) {
    const std::uint32_t word = static_cast<std::uint32_t>(loadU16(source + 2 * i)) << 16;
    std::memcpy(target + i, &word, sizeof word);
  }
}

}  // namespace hartonomous
