/* Steps: the same results as kernel by kernel, and a graph that is built once and then only changed. */
#include <cstdio>
#include <cstring>
#include <vector>

#include "emulation.h"
#include "panaformer_cuda.h"

namespace {

int failures = 0;

void expect(bool condition, const char *what) {
  if (!condition) failures++;
  printf("%s %s\n", condition ? "ok  " : "FAIL", what);
}

void require(pf_status status) {
  if (status != PF_OK) expect(false, "a call succeeds");
}

constexpr int HIDDEN = 40, WORDS = 20, LAYERS = 3;

/* A small model, whose ids and number of tokens change from step to step. */
struct model {
  pf_engine *engine = nullptr;
  float *words = nullptr, *norm = nullptr, *x = nullptr, *y = nullptr;
  void *weight = nullptr;

  model() {
    require(pf_cuda_engine_create(0, &engine));
    words = floats(WORDS * HIDDEN, 1);
    norm = floats(HIDDEN, 2);
    x = floats(WORDS * HIDDEN, 3);
    y = floats(WORDS * HIDDEN, 4);
    std::vector<float> w(HIDDEN * HIDDEN);
    fill(w, 5);
    int64_t bytes = 0;
    require(pf_linear_packed_size(engine, HIDDEN, HIDDEN, PF_PRECISION_FP32, &bytes));
    require(pf_cuda_allocate(engine, bytes, &weight));
    require(pf_linear_pack(engine, w.data(), PF_DTYPE_FP32, weight, HIDDEN, HIDDEN, PF_PRECISION_FP32));
  }

  ~model() {
    for (void *memory : {static_cast<void *>(words), static_cast<void *>(norm), static_cast<void *>(x),
                         static_cast<void *>(y), weight})
      require(pf_cuda_free(engine, memory));
    pf_engine_destroy(engine);
  }

  static void fill(std::vector<float> &values, unsigned seed) {
    for (float &v : values) {
      seed = seed * 1664525 + 1013904223;
      v = static_cast<float>(seed >> 8) / (1 << 23) - 1;
    }
  }

  float *floats(size_t count, unsigned seed) const {
    std::vector<float> values(count);
    fill(values, seed);
    void *memory = nullptr;
    const int64_t bytes = static_cast<int64_t>(count * sizeof(float));
    require(pf_cuda_allocate(engine, bytes, &memory));
    require(pf_cuda_copy(engine, memory, values.data(), bytes));
    return static_cast<float *>(memory);
  }

  void forward(const std::vector<int32_t> &ids) const {
    const int64_t tokens = static_cast<int64_t>(ids.size());
    pf_embedding_params p = {};
    p.word_table = words;
    p.ids = ids.data();
    p.y = x;
    p.tokens = tokens;
    p.hidden = HIDDEN;
    p.vocab = WORDS;
    require(pf_embedding(engine, &p));
    for (int layer = 0; layer < LAYERS; layer++) {
      require(pf_rms_norm(engine, x, nullptr, norm, y, tokens, HIDDEN, 1e-5f));
      require(pf_linear(engine, y, weight, nullptr, x, x, tokens, HIDDEN, HIDDEN, PF_ACTIVATION_SILU, nullptr, 0));
    }
  }

  std::vector<float> read(size_t tokens) const {
    std::vector<float> values(tokens * HIDDEN);
    require(pf_cuda_copy(engine, values.data(), x, static_cast<int64_t>(values.size() * sizeof(float))));
    return values;
  }

  std::vector<float> step(const std::vector<int32_t> &ids) const {
    require(pf_cuda_step_begin(engine));
    forward(ids);
    require(pf_cuda_step_end(engine));
    return read(ids.size());
  }

  std::vector<float> alone(const std::vector<int32_t> &ids) const {
    forward(ids);
    return read(ids.size());
  }
};

bool same(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

} // namespace

int main() {
  const model m;
  const int before = emulation::count_graphs().built;
  bool equal = true;
  for (int32_t i = 0; i < 5; i++) {
    const std::vector<int32_t> ids = {i, 19 - i};
    equal = equal && same(m.step(ids), m.alone(ids));
  }
  expect(equal, "a step gives what its kernels give one by one");
  expect(emulation::count_graphs().built == before + 1, "the graph is built once");
  const int replaced = emulation::count_graphs().replaced;
  const std::vector<int32_t> more = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  expect(same(m.step(more), m.alone(more)), "so does one of more tokens");
  expect(emulation::count_graphs().built == before + 1 && emulation::count_graphs().replaced > replaced,
         "kernels of the graph are replaced");

  /* Arrays that are more than stay on the device. */
  require(pf_cuda_step_begin(m.engine));
  for (int32_t i = 0; i < 20; i++) m.forward({i});
  require(pf_cuda_step_end(m.engine));
  expect(same(m.read(1), m.alone({19})), "a long step keeps its ids apart");

  require(pf_cuda_step_begin(m.engine));
  m.forward({7});
  const std::vector<float> inside = m.read(1);
  require(pf_cuda_step_end(m.engine));
  expect(same(inside, m.alone({7})), "a copy within a step waits for it");
  expect(pf_cuda_step_end(m.engine) == PF_ERROR_ARGUMENT, "what was not begun does not end");
  return failures > 0;
}
