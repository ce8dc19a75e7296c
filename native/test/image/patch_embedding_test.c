#include <math.h>
#include <string.h>

#include "guard.h"
#include "image/image_reference.h"
#include "test.h"

/* Floats that y leaves out before the next image, as those of special tokens. */
#define GAP 5

typedef struct {
  pf_patch_embedding_params params;
  const float *weight; /* [n, k] */
  int64_t k;
} patch_case;

static int64_t grid(int64_t size, int64_t patch, int64_t stride, int64_t padding) {
  return (size + 2 * padding - patch) / stride + 1;
}

static patch_case random_case(int64_t images, int64_t channels, int64_t height, int64_t width, int64_t patch,
                              int64_t stride, int64_t padding, int64_t n, int channels_last, float scale) {
  pf_patch_embedding_params p = {.images = images,
                                 .channels = channels,
                                 .height = height,
                                 .width = width,
                                 .patch_height = patch,
                                 .patch_width = patch,
                                 .stride_height = stride,
                                 .stride_width = stride,
                                 .padding = padding,
                                 .grid_height = grid(height, patch, stride, padding),
                                 .grid_width = grid(width, patch, stride, padding),
                                 .n = n,
                                 .channels_last = channels_last};
  p.y_image_stride = p.grid_height * p.grid_width * n + GAP;
  p.x = random_floats(images * channels * height * width, scale);
  p.bias = random_floats(n, scale);
  p.positions = random_floats(p.grid_height * p.grid_width * n, scale);
  const int64_t k = channels * patch * patch;
  return (patch_case){p, random_floats(n * k, 1), k};
}

static const float *check(const patch_case *c) {
  pf_patch_embedding_params p = c->params;
  const int64_t patches = p.grid_height * p.grid_width, count = p.images * p.y_image_stride;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  for (int64_t i = 0; i < count; i++) bound[i] = UNTOUCHED;
  reference_patch_embedding(&p, c->weight, expected, bound);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    p.x = guarded_copy(c->params.x, p.images * p.channels * p.height * p.width);
    p.bias = guarded_copy(c->params.bias, p.n);
    p.positions = guarded_copy(c->params.positions, patches * p.n);
    p.y = guarded_output(count);
    int64_t bytes = 0;
    EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, p.n, c->k, PF_PRECISION_FP32, &bytes));
    void *packed = guarded_aligned(bytes);
    EXPECT_STATUS(PF_OK, pf_linear_pack(engine, c->weight, PF_DTYPE_FP32, packed, p.n, c->k, PF_PRECISION_FP32));
    p.packed = packed;
    EXPECT_STATUS(PF_OK, pf_patch_embedding_workspace_size(engine, c->k, &p.workspace_bytes));
    p.workspace = guarded_aligned(p.workspace_bytes);
    EXPECT_STATUS(PF_OK, pf_patch_embedding(engine, &p));
    guard_check();
    if (threads == 1) {
      expect_close(p.y, expected, bound, count);
      memcpy(first, p.y, (size_t)count * sizeof *first);
    } else {
      for (int64_t i = 0; i < p.images; i++)
        expect_same_bits(p.y + i * p.y_image_stride, first + i * p.y_image_stride, patches * p.n);
    }
  }
  return first;
}

static void matches_reference(void) {
  static const int64_t sizes[] = {1, 7, 17, 63, 65, 197, 300};
  static const int64_t patches[] = {1, 2, 4, 7, 8, 16};
  for (int s = 0; s < COUNT(sizes); s++) {
    for (int p = 0; p < COUNT(patches); p++) {
      const int64_t size = sizes[s], patch = patches[p], other = sizes[(s + p) % COUNT(sizes)];
      if (size < patch || other < patch || size * other > 63 * 197) continue;
      for (int last = 0; last < 2; last++) {
        if (!begin_case("height=%d width=%d patch=%d last=%d", (int)size, (int)other, (int)patch, last)) continue;
        const patch_case c = random_case(2, 3, size, other, patch, patch, 0, 17 + 8 * p, last, 1);
        check(&c);
      }
    }
  }
}

static void matches_reference_where_patches_overlap(void) {
  static const int64_t shapes[][3] = {{7, 4, 3}, {3, 2, 1}, {3, 1, 1}, {5, 3, 4}, {2, 3, 1}};
  for (int s = 0; s < COUNT(shapes); s++) {
    for (int last = 0; last < 2; last++) {
      if (!begin_case("patch=%d stride=%d padding=%d last=%d", (int)shapes[s][0], (int)shapes[s][1], (int)shapes[s][2],
                      last))
        continue;
      const patch_case c = random_case(3, 5, 33, 29, shapes[s][0], shapes[s][1], shapes[s][2], 33, last, 1);
      check(&c);
    }
  }
}

/* A grid that reaches over the image, as padding to whole patches asks for. */
static void takes_what_lies_outside_as_zero(void) {
  for (int last = 0; last < 2; last++) {
    begin_case("last=%d", last);
    patch_case c = random_case(2, 3, 17, 19, 4, 4, 0, 24, last, 1);
    c.params.grid_height = 6;
    c.params.grid_width = 7;
    c.params.y_image_stride = 6 * 7 * 24;
    c.params.positions = NULL;
    c.params.bias = NULL;
    check(&c);
  }
}

static void matches_reference_at_any_magnitude(void) {
  static const float scales[] = {1e4f, 1e-4f, 1e-30f, 1e30f};
  for (int s = 0; s < COUNT(scales); s++) {
    begin_case("scale=%g", (double)scales[s]);
    const patch_case c = random_case(1, 3, 32, 48, 8, 8, 0, 65, s % 2, scales[s]);
    check(&c);
  }
}

static void does_not_depend_on_the_batch(void) {
  begin_case("ViT");
  patch_case c = random_case(3, 3, 64, 96, 16, 16, 0, 96, 0, 1);
  const float *y = check(&c);
  patch_case alone = c;
  alone.params.images = 1;
  alone.params.x += 3 * 64 * 96;
  expect_same_bits(check(&alone), y + c.params.y_image_stride, 4 * 6 * 96);
}

static void keeps_nan_in_its_patch(void) {
  begin_case("-");
  patch_case c = random_case(1, 3, 32, 32, 8, 8, 0, 20, 0, 1);
  float *x = case_floats(3 * 32 * 32);
  memcpy(x, c.params.x, sizeof(float) * 3 * 32 * 32);
  x[32 * 9 + 17] = NAN;
  c.params.x = x;
  check(&c);
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  const patch_case c = random_case(1, 3, 16, 16, 8, 8, 0, 10, 0, 1);
  guard_begin(EXACT_END);
  pf_patch_embedding_params good = c.params;
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(e, 10, c.k, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(e, c.weight, PF_DTYPE_FP32, packed, 10, c.k, PF_PRECISION_FP32));
  good.packed = packed;
  EXPECT_STATUS(PF_OK, pf_patch_embedding_workspace_size(e, c.k, &good.workspace_bytes));
  good.workspace = guarded_aligned(good.workspace_bytes);
  good.y = guarded_output(45);
#define REJECT(status, field, value)                                                                                   \
  do {                                                                                                                 \
    pf_patch_embedding_params p = good;                                                                                \
    p.field = value;                                                                                                   \
    EXPECT_STATUS(status, pf_patch_embedding(e, &p));                                                                  \
  } while (0)
  REJECT(PF_ERROR_ARGUMENT, x, NULL);
  REJECT(PF_ERROR_ARGUMENT, packed, NULL);
  REJECT(PF_ERROR_ARGUMENT, y, NULL);
  static const int64_t wrong[] = {0, -1, INT64_MIN, PF_MAX_DIMENSION + INT64_C(1), INT64_MAX};
  for (int i = 0; i < COUNT(wrong); i++) {
    if (wrong[i] != 0) REJECT(PF_ERROR_ARGUMENT, images, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, channels, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, patch_height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, patch_width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, stride_height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, stride_width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, grid_height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, grid_width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, n, wrong[i]);
  }
  REJECT(PF_ERROR_ARGUMENT, padding, -1);
  REJECT(PF_ERROR_ARGUMENT, padding, 8);
  REJECT(PF_ERROR_ARGUMENT, y_image_stride, 39);
  REJECT(PF_ERROR_PACKED_WEIGHTS, n, 9);
  REJECT(PF_ERROR_PACKED_WEIGHTS, channels, 2);
  REJECT(PF_ERROR_WORKSPACE, workspace, NULL);
  REJECT(PF_ERROR_WORKSPACE, workspace, (char *)good.workspace + 4);
  REJECT(PF_ERROR_WORKSPACE, workspace_bytes, good.workspace_bytes - 1);
  REJECT(PF_OK, images, 0);
#undef REJECT
  expect_untouched(good.y, 45);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_where_patches_overlap),
      TEST(takes_what_lies_outside_as_zero),
      TEST(matches_reference_at_any_magnitude),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_in_its_patch),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
