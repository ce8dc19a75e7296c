#include "kernel.h"
pf_status PF_KERNEL(top_k)(pf_engine *engine, const float *logits, const float *inverse_temperature, float *values,
                           int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count) {
  (void)engine, (void)logits, (void)inverse_temperature, (void)values, (void)ids, (void)log_sum_exp, (void)rows,
      (void)columns, (void)count;
  return PF_ERROR_ARGUMENT;
}
