// Runs every kernel over random bytes in buffers of exactly their size, for the sanitizers to watch:
// `npm run build:native -- --sanitize`. What the results must be is the matter of the compliance suite.
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "block-layout.hpp"
#include "sums.hpp"

using namespace hartonomous;

namespace {

std::mt19937 randomWords(1);

// Its own block of the heap, so that one byte too far is noticed.
std::unique_ptr<std::uint8_t[]> randomBytes(std::size_t count) {
  std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[count]);
  for (std::size_t i = 0; i < count; i++) bytes[i] = static_cast<std::uint8_t>(randomWords());
  return bytes;
}

int checkDecoders() {
  int types = 0;
  for (std::uint32_t id = 0; id < 256; id++) {
    const BlockLayout* layout = findBlockLayout(id);
    if (layout == nullptr) continue;
    types++;
    for (const std::size_t blocks : {0, 1, 2, 33, 500}) {
      // One byte in front: sources lie at any address.
      const auto source = randomBytes(1 + blocks * layout->blockBytes);
      std::vector<float> target(blocks * layout->blockElements);
      target.shrink_to_fit();
      layout->decode(source.get() + 1, blocks, target.data());
    }
  }
  return types;
}

double checkSums() {
  double total = 0;
  for (const std::size_t count : {0, 1, 15, 16, 17, 64, 1000, 4099}) {
    std::vector<float> a(count);
    std::vector<float> b(count);
    findBlockLayout(0)->decode(randomBytes(count * 4).get(), count, a.data());
    findBlockLayout(0)->decode(randomBytes(count * 4).get(), count, b.data());
    std::vector<double> moments(momentStateLength);
    std::vector<double> products(productStateLength);
    std::vector<double> counts(7);
    for (int times = 0; times < 3; times++) {
      accumulateMoments(moments.data(), a.data(), count);
      accumulateProducts(products.data(), a.data(), b.data(), count);
      accumulateHistogram(counts.data(), counts.size(), a.data(), count, -1, 3.5);
    }
    for (const std::size_t width : {64, 128, 256}) {
      std::vector<double> sketch(2 * width);
      accumulateSketch(sketch.data(), width, a.data(), count, width * 3, ~std::uint64_t{0});
    }
    const std::size_t columns = count < 17 ? 1 : 13;
    const std::size_t rows = count / columns;
    std::vector<double> x(columns, 1.5);
    std::vector<double> y(rows, 1.5);
    multiply(a.data(), rows, columns, x.data(), y.data());
    multiplyTransposed(a.data(), rows, columns, y.data(), x.data());
    total += moments[0] + products[0] + counts[0];
  }
  return total;
}

}  // namespace

int main() {
  const int types = checkDecoders();
  const double total = checkSums();
  std::printf("kernels-check: %d types and all sums, nothing to report (%.0f elements)\n", types, total);
  return types == 15 ? 0 : 1;
}
