/*
 * Linformer attention (Wang et al. 2020): keys and values are projected along the sequence, from its tokens to a fixed
 * number of rows, and queries attend to those, which is attention.cu's part.
 *
 * FLOPs 8 length projected head_dim a head, half of them to project; bytes 4 head_dim (4 length) a head and the rows of
 * the projections, which stay in the second-level cache. Each projected element is one chain of FMAs over the tokens in
 * their order. Sequences are taken a few at a time: what they project to has a size of its own.
 */
#include <vector>

#include "attention.h"

namespace {

constexpr int THREADS = 256;
constexpr int FEATURES = WARP_LANES; /* of a block: one a lane */
constexpr int EACH = 4;              /* projected rows of a thread */
constexpr int ROWS = THREADS / WARP_LANES * EACH;

/* What is projected at a time, at least one sequence. */
constexpr int64_t PROJECTED_BYTES = 64 << 20;

/* A block has ROWS projected rows of FEATURES features of the keys or the values of one head of one sequence. */
__global__ void __launch_bounds__(THREADS)
    project_tokens(pf_linformer_attention_params a, float *projected, int64_t first, int64_t row_blocks,
                   int64_t feature_blocks) {
  int64_t task = blockIdx.x;
  const int64_t first_row = task % row_blocks * ROWS + threadIdx.x / WARP_LANES * EACH;
  task /= row_blocks;
  const int64_t d = task % feature_blocks * FEATURES + threadIdx.x % WARP_LANES;
  task /= feature_blocks; /* [sequences at once, heads, 2] */
  const int64_t part = task % 2, head = task / 2 % a.heads, s = task / 2 / a.heads;
  if (d >= a.head_dim || first_row >= a.projected) return;
  const int64_t begin = a.cu_seqlens[first + s], end = a.cu_seqlens[first + s + 1];
  const float *x = (part ? a.v : a.k) + head * a.kv_head_stride + d;
  const float *projection = (part ? a.value_projection : a.key_projection) + first_row;
  const int rows = static_cast<int>(smaller(a.projected - first_row, EACH));
  float sum[EACH] = {};
  for (int64_t t = begin; t < end; t++) {
    const float value = x[t * a.kv_token_stride];
    const float *row = projection + a.position_ids[t] * a.projected;
#pragma unroll
    for (int i = 0; i < EACH; i++)
      if (i < rows) sum[i] = fmaf(row[i], value, sum[i]);
  }
  /* [2, sequences at once, projected, heads, head_dim] */
  const int64_t sequences = gridDim.x / row_blocks / feature_blocks / 2 / a.heads;
  float *to = projected + ((part * sequences + s) * a.projected + first_row) * a.heads * a.head_dim + head * a.head_dim + d;
  for (int i = 0; i < rows; i++) to[i * a.heads * a.head_dim] = sum[i];
}

} // namespace

/* What is projected lies in the engine's scratch memory; not 0, so that what callers say of workspaces is checked. */
pf_status cuda::linformer_attention_workspace_size(const pf_engine *, int64_t heads, int64_t head_dim, int64_t projected,
                                                   int64_t *bytes) {
  if (!is_head_dim(head_dim) || !is_extent(heads) || !is_extent(projected) ||
      heads > PF_MAX_DIMENSION / projected)
    return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::linformer_attention(pf_engine *engine, const pf_linformer_attention_params *a) {
  int64_t bytes, longest;
  const pf_status status = linformer_attention_workspace_size(engine, a->heads, a->head_dim, a->projected, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->tokens) || !is_extent(a->positions)) return PF_ERROR_ARGUMENT;
  if (!HAS_STRIDES(a)) return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens, a->sequences, a->tokens, &longest)) return PF_ERROR_INDEX;
  if (a->tokens == 0) return PF_OK;
  if (!a->q || !a->k || !a->v || !a->y || !a->key_projection || !a->value_projection || !a->position_ids)
    return PF_ERROR_ARGUMENT;
  if (!are_within(a->position_ids, a->tokens, a->positions)) return PF_ERROR_INDEX;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  cuda_call call(engine);
  const int64_t floats = a->projected * a->heads * a->head_dim; /* of the keys of a sequence, and of its values */
  int64_t most = PROJECTED_BYTES / static_cast<int64_t>(2 * sizeof(float)) / floats;
  most = min64(most < 1 ? 1 : most, a->sequences);
  float *projected = static_cast<float *>(call.scratch(static_cast<size_t>(2 * most * floats) * sizeof(float)));
  if (!projected) return call.status();
  pf_linformer_attention_params on_device = *a;
  on_device.cu_seqlens = call.upload(a->cu_seqlens, a->sequences + 1);
  on_device.position_ids = call.upload(a->position_ids, a->tokens);
  std::vector<int32_t> lengths(static_cast<size_t>(most) + 1);
  for (size_t i = 0; i < lengths.size(); i++) lengths[i] = static_cast<int32_t>(static_cast<int64_t>(i) * a->projected);
  const int32_t *cu_projected = call.upload(lengths.data(), most + 1);
  if (call.status() != PF_OK) return call.status();

  const int64_t row_blocks = ceil_div(a->projected, ROWS), feature_blocks = ceil_div(a->head_dim, FEATURES);
  for (int64_t first = 0; first < a->sequences; first += most) {
    const int64_t sequences = min64(most, a->sequences - first);
    const unsigned blocks = static_cast<unsigned>(sequences * a->heads * 2 * feature_blocks * row_blocks);
    call.launch(project_tokens, blocks, THREADS, on_device, projected, first, row_blocks, feature_blocks);
    attention_problem p = {};
    p.q = a->q;
    p.k = projected;
    p.v = projected + sequences * floats;
    p.y = a->y;
    p.cu_seqlens_q = on_device.cu_seqlens + first;
    p.cu_seqlens_kv = cu_projected;
    p.q_token_stride = a->q_token_stride;
    p.q_head_stride = a->q_head_stride;
    p.kv_token_stride = a->heads * a->head_dim;
    p.kv_head_stride = a->head_dim;
    p.y_token_stride = a->y_token_stride;
    p.y_head_stride = a->y_head_stride;
    p.sequences = sequences;
    p.heads = p.kv_heads = a->heads;
    p.head_dim = a->head_dim;
    p.scale = a->scale;
    attend_adjacent(call, p, longest);
  }
  return call.status();
}
