#include <math.h>
#include <string.h>

#include "guard.h"
#include "image/image_reference.h"
#include "test.h"

static pf_depthwise_conv_params random_case(int64_t images, int64_t height, int64_t width, int64_t channels,
                                            int64_t kernel, float scale, pf_activation activation) {
  return (pf_depthwise_conv_params){.x = random_floats(images * height * width * channels, scale),
                                    .weight = random_floats(kernel * kernel * channels, 1),
                                    .bias = random_floats(channels, scale),
                                    .images = images,
                                    .height = height,
                                    .width = width,
                                    .channels = channels,
                                    .kernel = kernel,
                                    .activation = activation};
}

static const float *check(const pf_depthwise_conv_params *c) {
  const int64_t count = c->images * c->height * c->width * c->channels;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_depthwise_conv(c, expected, bound);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_depthwise_conv_params p = *c;
    p.x = guarded_copy(c->x, count);
    p.weight = guarded_copy(c->weight, c->kernel * c->kernel * c->channels);
    p.bias = guarded_copy(c->bias, c->channels);
    p.y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_depthwise_conv(tested_engine(threads), &p));
    guard_check();
    expect_result(threads, p.y, expected, bound, first, count);
  }
  return first;
}

static void matches_reference(void) {
  static const int64_t channels[] = {1, 7, 17, 63, 65, 197, 300};
  static const int64_t sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {2, 3}, {9, 17}};
  for (int c = 0; c < COUNT(channels); c++) {
    for (int s = 0; s < COUNT(sizes); s++) {
      for (int64_t kernel = 1; kernel <= 7; kernel += 2) {
        if (!begin_case("height=%d width=%d channels=%d kernel=%d", (int)sizes[s][0], (int)sizes[s][1],
                        (int)channels[c], (int)kernel))
          continue;
        const pf_depthwise_conv_params p =
            random_case(2, sizes[s][0], sizes[s][1], channels[c], kernel, 1, (pf_activation)((c + s) % 7));
        check(&p);
      }
    }
  }
}

static void matches_reference_at_any_magnitude(void) {
  static const float scales[] = {1e4f, 1e-4f, 1e-30f, 1e30f};
  for (int s = 0; s < COUNT(scales); s++) {
    begin_case("scale=%g", (double)scales[s]);
    pf_depthwise_conv_params p = random_case(1, 5, 6, 33, 3, scales[s], PF_ACTIVATION_NONE);
    check(&p);
    p.bias = NULL;
    check(&p);
  }
}

static void keeps_nan_among_its_neighbours(void) {
  begin_case("-");
  pf_depthwise_conv_params p = random_case(1, 6, 7, 20, 3, 1, PF_ACTIVATION_NONE);
  float *x = case_floats(6 * 7 * 20);
  memcpy(x, p.x, sizeof(float) * 6 * 7 * 20);
  x[(3 * 7 + 3) * 20 + 9] = NAN;
  p.x = x;
  check(&p);
}

static void does_not_depend_on_the_batch(void) {
  begin_case("-");
  pf_depthwise_conv_params p = random_case(3, 8, 9, 48, 3, 1, PF_ACTIVATION_GELU_ERF);
  const float *y = check(&p);
  pf_depthwise_conv_params alone = p;
  alone.images = 1;
  alone.x += 8 * 9 * 48;
  expect_same_bits(check(&alone), y + 8 * 9 * 48, 8 * 9 * 48);
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  pf_depthwise_conv_params good = random_case(1, 2, 3, 4, 3, 1, PF_ACTIVATION_NONE);
  guard_begin(EXACT_END);
  good.y = guarded_output(24);
#define REJECT(status, field, value)                                                                                   \
  do {                                                                                                                 \
    pf_depthwise_conv_params p = good;                                                                                 \
    p.field = value;                                                                                                   \
    EXPECT_STATUS(status, pf_depthwise_conv(e, &p));                                                                   \
  } while (0)
  REJECT(PF_ERROR_ARGUMENT, x, NULL);
  REJECT(PF_ERROR_ARGUMENT, weight, NULL);
  REJECT(PF_ERROR_ARGUMENT, y, NULL);
  static const int64_t wrong[] = {0, -1, INT64_MIN, PF_MAX_DIMENSION + INT64_C(1), INT64_MAX};
  for (int i = 0; i < COUNT(wrong); i++) {
    if (wrong[i] != 0) REJECT(PF_ERROR_ARGUMENT, images, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, channels, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, kernel, wrong[i]);
  }
  REJECT(PF_ERROR_ARGUMENT, kernel, 2);
  REJECT(PF_ERROR_ARGUMENT, kernel, PF_MAX_KERNEL + 2);
  REJECT(PF_ERROR_ARGUMENT, activation, (pf_activation)(PF_ACTIVATION_TANH + 1));
  REJECT(PF_OK, images, 0);
#undef REJECT
  expect_untouched(good.y, 24);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_any_magnitude),
      TEST(keeps_nan_among_its_neighbours),
      TEST(does_not_depend_on_the_batch),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
