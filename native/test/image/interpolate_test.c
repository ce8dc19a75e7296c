#include <math.h>
#include <string.h>

#include "guard.h"
#include "image/image_reference.h"
#include "test.h"

static pf_interpolate_params random_case(int64_t images, int64_t height, int64_t width, int64_t channels,
                                         int64_t y_height, int64_t y_width, int64_t gap, float scale,
                                         pf_interpolation interpolation) {
  return (pf_interpolate_params){.x = random_floats(images * height * width * channels, scale),
                                 .y_pixel_stride = channels + gap,
                                 .images = images,
                                 .height = height,
                                 .width = width,
                                 .channels = channels,
                                 .y_height = y_height,
                                 .y_width = y_width,
                                 .interpolation = interpolation};
}

static const float *check(const pf_interpolate_params *c) {
  const int64_t inputs = c->images * c->height * c->width * c->channels;
  const int64_t count = c->images * c->y_height * c->y_width * c->y_pixel_stride;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  for (int64_t i = 0; i < count; i++) bound[i] = UNTOUCHED;
  reference_interpolate(c, expected, bound);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_interpolate_params p = *c;
    p.x = guarded_copy(c->x, inputs);
    p.y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_interpolate(tested_engine(threads), &p));
    guard_check();
    if (threads == 1) {
      expect_close(p.y, expected, bound, count);
      memcpy(first, p.y, (size_t)count * sizeof *first);
    } else {
      for (int64_t i = 0; i < count; i += c->y_pixel_stride) expect_same_bits(p.y + i, first + i, c->channels);
    }
  }
  return first;
}

static void matches_reference(void) {
  static const int64_t channels[] = {1, 7, 17, 63, 65, 197, 300};
  static const int64_t sizes[][4] = {{1, 1, 3, 2},  {4, 4, 6, 6},  {14, 14, 24, 24},
                                     {2, 9, 17, 5}, {17, 7, 4, 4}, {5, 6, 5, 6}};
  for (int c = 0; c < COUNT(channels); c++) {
    for (int s = 0; s < COUNT(sizes); s++) {
      for (int mode = 0; mode < 2; mode++) {
        if (!begin_case("%dx%d to %dx%d channels=%d mode=%d", (int)sizes[s][0], (int)sizes[s][1], (int)sizes[s][2],
                        (int)sizes[s][3], (int)channels[c], mode))
          continue;
        const pf_interpolate_params p = random_case(2, sizes[s][0], sizes[s][1], channels[c], sizes[s][2], sizes[s][3],
                                                    s, 1, mode ? PF_INTERPOLATION_BICUBIC : PF_INTERPOLATION_BILINEAR);
        check(&p);
      }
    }
  }
}

static void matches_reference_at_any_magnitude(void) {
  static const float scales[] = {1e4f, 1e-4f, 1e-30f, 1e30f};
  for (int s = 0; s < COUNT(scales); s++) {
    begin_case("scale=%g", (double)scales[s]);
    const pf_interpolate_params p = random_case(1, 4, 5, 33, 7, 3, 1, scales[s], (pf_interpolation)(s % 2));
    check(&p);
  }
}

static void keeps_a_map_of_the_same_size(void) {
  for (int mode = 0; mode < 2; mode++) {
    begin_case("mode=%d", mode);
    const pf_interpolate_params p = random_case(2, 5, 6, 19, 5, 6, 0, 1, (pf_interpolation)mode);
    expect_same_bits(check(&p), p.x, 2 * 5 * 6 * 19);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  pf_interpolate_params good = random_case(1, 2, 3, 4, 3, 2, 0, 1, PF_INTERPOLATION_BILINEAR);
  guard_begin(EXACT_END);
  good.y = guarded_output(24);
#define REJECT(status, field, value)                                                                                   \
  do {                                                                                                                 \
    pf_interpolate_params p = good;                                                                                    \
    p.field = value;                                                                                                   \
    EXPECT_STATUS(status, pf_interpolate(e, &p));                                                                      \
  } while (0)
  REJECT(PF_ERROR_ARGUMENT, x, NULL);
  REJECT(PF_ERROR_ARGUMENT, y, NULL);
  static const int64_t wrong[] = {0, -1, INT64_MIN, PF_MAX_DIMENSION + INT64_C(1), INT64_MAX};
  for (int i = 0; i < COUNT(wrong); i++) {
    if (wrong[i] != 0) REJECT(PF_ERROR_ARGUMENT, images, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, width, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, channels, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, y_height, wrong[i]);
    REJECT(PF_ERROR_ARGUMENT, y_width, wrong[i]);
  }
  REJECT(PF_ERROR_ARGUMENT, y_pixel_stride, 3);
  REJECT(PF_ERROR_ARGUMENT, interpolation, (pf_interpolation)2);
  REJECT(PF_OK, images, 0);
#undef REJECT
  expect_untouched(good.y, 24);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_any_magnitude),
      TEST(keeps_a_map_of_the_same_size),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
