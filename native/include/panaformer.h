/*
 * Panaformer: fused transformer kernels for CPUs behind a C ABI.
 *
 * Conventions
 *
 *   tokens     rows over the whole batch. A batch is its sequences laid end to end; there is no padding.
 *   cu_seqlens [sequences + 1] cumulative lengths: sequence s owns rows cu_seqlens[s] .. cu_seqlens[s + 1] - 1.
 *   n, k       output and input features of a linear layer.
 *   hidden, intermediate, heads, kv_heads, head_dim    as in the literature.
 *
 *   Tensors are float32, row-major and contiguous unless strides are given. Sizes and strides count elements
 *   (int64_t), ids and lengths are int32_t, and only raw memory is counted in bytes.
 *
 *   All memory is the caller's: the library allocates in pf_engine_create and nowhere else. Packed weights and
 *   workspaces are plain bytes, aligned to PF_ALIGNMENT; float tensors need no more than the alignment of a float. No
 *   pointer is kept after the call it was given to.
 *
 *   Every function that can fail returns a pf_status and, unless it says otherwise, checks its arguments before it
 *   writes anything. Nothing prints, aborts or exits.
 *
 *   All functions may be called from any number of threads on one engine, as long as the outputs and workspaces of
 *   calls that run at the same time do not overlap. A call takes the engine's threads if they are free and otherwise
 *   runs on the caller's thread. The result is the same to the last bit either way. It does not depend on the number of
 *   threads, and that of a sequence does not depend on the other sequences of its batch.
 */
#ifndef PANAFORMER_H
#define PANAFORMER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define PF_API __declspec(dllexport)
#else
#define PF_API __attribute__((visibility("default")))
#endif

/* Raised whenever a name, a signature, a struct or the meaning of an argument changes. */
#define PF_ABI_VERSION 6
/* Bytes to which packed weights and workspaces are aligned. */
#define PF_ALIGNMENT 64
/* The largest sizes that a call may have. They keep products of sizes far from overflow. */
#define PF_MAX_THREADS 256
#define PF_MAX_HEAD_DIM 256
#define PF_MAX_DIMENSION 2147483647
/* The most input features of a weight in 8 bits. With them no sum of products exceeds 32 bits. */
#define PF_MAX_INT8_FEATURES 65536

typedef enum pf_status {
  PF_OK = 0,
  PF_ERROR_ARGUMENT = 1,        /* NULL where a tensor is needed, a size out of range, an unknown enum value */
  PF_ERROR_INDEX = 2,           /* an id, position, length, slot or block points outside its tensor */
  PF_ERROR_PACKED_WEIGHTS = 3,  /* not packed by this library version, for this ISA, or of another shape */
  PF_ERROR_WORKSPACE = 4,       /* the workspace is smaller than its _workspace_size says, or misaligned */
  PF_ERROR_ISA_UNKNOWN = 5,     /* PANAFORMER_ISA names no instruction set */
  PF_ERROR_ISA_UNAVAILABLE = 6, /* the instruction set asked for is not in this build, CPU or OS */
  PF_ERROR_OUT_OF_MEMORY = 7,
  PF_ERROR_THREAD = 8,      /* a worker thread could not be started */
  PF_ERROR_DEVICE = 9,      /* the device or its driver failed, or there is none */
  PF_ERROR_UNSUPPORTED = 10 /* the engine has no such kernel */
} pf_status;

typedef enum pf_isa {
  PF_ISA_AUTO = 0, /* the value of PANAFORMER_ISA if set, else the best that CPU and OS support */
  PF_ISA_PORTABLE = 1,
  PF_ISA_AVX2 = 2,   /* with FMA */
  PF_ISA_AVX512 = 3, /* F, BW, DQ, VL */
  PF_ISA_NEON = 4,
  PF_ISA_CUDA = 5 /* an engine of panaformer_cuda.h; pf_engine_create of libpanaformer makes none */
} pf_isa;

/* What a packed weight is stored in and computed with. pf_linear_pack describes the layouts. */
typedef enum pf_precision {
  PF_PRECISION_FP32 = 0,
  PF_PRECISION_BF16 = 1,    /* weights and inputs rounded to bfloat16, sums in float32 */
  PF_PRECISION_INT8 = 2,    /* 8-bit weights, one scale an output feature; inputs in 8 bits, one scale a token */
  PF_PRECISION_INT4 = 3,    /* 4-bit weights, one scale for 32 input features; inputs in 8 bits, scaled likewise */
  PF_PRECISION_INT4_128 = 4 /* 4-bit weights, one scale for 128 input features; inputs as in PF_PRECISION_INT4 */
} pf_precision;

/* What the elements of a weight are before it is packed, in native byte order. */
typedef enum pf_dtype { PF_DTYPE_FP32 = 0, PF_DTYPE_FP16 = 1, PF_DTYPE_BF16 = 2 } pf_dtype;

typedef enum pf_activation {
  PF_ACTIVATION_NONE = 0,
  PF_ACTIVATION_RELU = 1,
  PF_ACTIVATION_GELU_ERF = 2,   /* x/2 (1 + erf(x/sqrt 2)). Hendrycks, Gimpel 2016 */
  PF_ACTIVATION_GELU_TANH = 3,  /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  PF_ACTIVATION_GELU_QUICK = 4, /* x sigmoid(1.702 x) */
  PF_ACTIVATION_SILU = 5,       /* x sigmoid(x) */
  PF_ACTIVATION_TANH = 6
} pf_activation;

typedef enum pf_interpolation {
  PF_INTERPOLATION_BILINEAR = 0,
  PF_INTERPOLATION_BICUBIC = 1 /* Keys 1981 with a = -0.75 */
} pf_interpolation;

/* What attention by random features makes of a product with one of them. */
typedef enum pf_feature_map {
  PF_FEATURE_MAP_SOFTMAX = 0, /* exp(w x - |x|^2/2), whose products estimate exp(q k) */
  PF_FEATURE_MAP_RELU = 1     /* max(w x, 0) + offset */
} pf_feature_map;

typedef enum pf_pooling {
  PF_POOLING_CLS = 0,  /* first token */
  PF_POOLING_MEAN = 1, /* mean over the tokens */
  PF_POOLING_MAX = 2,  /* maximum over the tokens, feature by feature */
  PF_POOLING_LAST = 3  /* last token */
} pf_pooling;

/* ---- Engine ------------------------------------------------------------------------------------------------- */

/* An engine is a thread pool and the table of kernels for one instruction set. */
typedef struct pf_engine pf_engine;

/* PF_ABI_VERSION of the library that was loaded. Never fails. */
PF_API int32_t pf_abi_version(void);

/*
 * Creates an engine that computes on `threads` threads, the caller's among them: 1 starts no thread at all.
 * Workers spin briefly after a job and then sleep. On failure *engine is NULL.
 */
PF_API pf_status pf_engine_create(pf_isa isa, int32_t threads, pf_engine **engine);

/* Joins the workers and frees the engine. No call on it may be in flight. NULL is allowed. */
PF_API void pf_engine_destroy(pf_engine *engine);

/* The instruction set that this engine's kernels were compiled for, never PF_ISA_AUTO. */
PF_API pf_isa pf_engine_isa(const pf_engine *engine);

/* The number of threads, the caller's included. */
PF_API int32_t pf_engine_threads(const pf_engine *engine);

/* ---- Embedding ---------------------------------------------------------------------------------------------- */

typedef struct pf_embedding_params {
  const float *word_table;       /* [vocab, hidden], or NULL with word_packed */
  const void *word_packed;       /* pf_linear_pack of [vocab, hidden] in any precision: a head that shares its weight
                                    with the embedding; or NULL */
  const float *position_table;   /* [positions, hidden], or NULL for none */
  const float *token_type_table; /* [token_types, hidden], or NULL for none */
  const float *weight;           /* [hidden], LayerNorm; or NULL for none */
  const float *bias;             /* [hidden], LayerNorm; NULL exactly where weight is */
  const int32_t *ids;            /* [tokens], each in [0, vocab) */
  const int32_t *position_ids;   /* [tokens], each in [0, positions); unused without a position table */
  const int32_t *token_type_ids; /* [tokens], each in [0, token_types), or NULL for all 0 */
  float *y;                      /* [tokens, hidden] */
  int64_t tokens;
  int64_t hidden;
  int64_t vocab;
  int64_t positions;
  int64_t token_types;
  float eps;        /* LayerNorm; >= 0 */
  float word_scale; /* factor of the rows of word_packed; unused without */
} pf_embedding_params;

/*
 * y = LayerNorm(word[id] + token_type[type] + position[pos]) * weight + bias: BERT's input layer (Devlin et al.
 * 2018). Without a weight the sum itself, as decoders take it. Ids are checked before anything is written:
 * PF_ERROR_INDEX.
 */
PF_API pf_status pf_embedding(pf_engine *engine, const pf_embedding_params *params);

/* ---- Images ------------------------------------------------------------------------------------------------- */

/*
 * An image is [channels, height, width], as decoders and checkpoints have it, or, where channels_last is not 0,
 * [height, width, channels]: the tokens of a layer by their places. A batch is images of one size.
 */
typedef struct pf_patch_embedding_params {
  const float *x;         /* [images, channels, height, width] or [images, height, width, channels] */
  const void *packed;     /* pf_linear_pack of [n, k], k = channels patch_height patch_width; a row's input features are
                             [channels, patch_height, patch_width], or channels last as those of x */
  const float *bias;      /* [n] or NULL */
  const float *positions; /* [grid_height grid_width, n], added to the patches of every image; or NULL */
  float *y;               /* y[image * y_image_stride + patch * n + j]; overlaps no input */
  int64_t y_image_stride; /* at least grid_height grid_width n */
  int64_t images, channels, height, width;
  int64_t patch_height, patch_width;
  int64_t stride_height, stride_width; /* from patch to patch */
  int64_t padding;                     /* rows and columns by which the first patch begins outside; below the patch's */
  int64_t grid_height, grid_width;     /* patches; pixels outside the image are 0, on every side */
  int64_t n;
  int32_t channels_last;
  void *workspace; /* pf_patch_embedding_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_patch_embedding_params;

/* Bytes of workspace for patches of k = channels patch_height patch_width values; depends on no size of an image. */
PF_API pf_status pf_patch_embedding_workspace_size(const pf_engine *engine, int64_t k, int64_t *bytes);

/*
 * The patches of images, each through one linear layer (Dosovitskiy et al. 2021): a strided convolution whose result is
 * tokens, row by row of the grid. Patches may overlap. Only those of one task are ever gathered.
 */
PF_API pf_status pf_patch_embedding(pf_engine *engine, const pf_patch_embedding_params *params);

typedef struct pf_depthwise_conv_params {
  const float *x;      /* [images, height, width, channels] */
  const float *weight; /* [kernel, kernel, channels] */
  const float *bias;   /* [channels] or NULL */
  float *y;            /* [images, height, width, channels]; overlaps no input */
  int64_t images, height, width, channels;
  int64_t kernel; /* odd, at most PF_MAX_KERNEL */
  pf_activation activation;
} pf_depthwise_conv_params;

/* The largest kernel of pf_depthwise_conv. */
#define PF_MAX_KERNEL 31

/*
 * y = activation(bias + the kernel x kernel neighbours of each place, channel by channel, with 0 outside the image), as
 * in SegFormer's feed-forward network (Xie et al. 2021).
 */
PF_API pf_status pf_depthwise_conv(pf_engine *engine, const pf_depthwise_conv_params *params);

typedef struct pf_interpolate_params {
  const float *x; /* [images, height, width, channels] */
  float *y;       /* [images, y_height, y_width, y_pixel_stride], of which channels are written; overlaps not x */
  int64_t y_pixel_stride; /* at least channels */
  int64_t images, height, width, channels;
  int64_t y_height, y_width;
  pf_interpolation interpolation;
} pf_interpolate_params;

/*
 * Another resolution of the same image: the middles of the outer pixels stay half a pixel from the border (PyTorch's
 * align_corners=False), without a filter against aliasing. Places outside the image count as its border.
 */
PF_API pf_status pf_interpolate(pf_engine *engine, const pf_interpolate_params *params);

/* ---- Linear ------------------------------------------------------------------------------------------------- */

/* The layout of packed weights, which is described at pf_linear_pack. */
#define PF_PACKED_MAGIC 0x324c4650 /* "PFL2" */
#define PF_PACKED_HEADER_BYTES 64
/* Output features of a panel in all precisions but float32. */
#define PF_PACKED_PANEL 32
/* Input features are padded to a multiple of these; in 4 bits, to the group. */
#define PF_PACKED_BF16_FEATURES 32
#define PF_PACKED_INT8_FEATURES 64
/* Input features of PF_PRECISION_INT8 that are rotated together, and the distance of the nearest two that are. */
#define PF_PACKED_INT8_ROTATED 128
#define PF_PACKED_INT8_ROTATED_APART 16
/* Input features that share a scale in PF_PRECISION_INT4 and PF_PRECISION_INT4_128, and values of an input that do. */
#define PF_PACKED_INT4_GROUP 32
#define PF_PACKED_INT4_128_GROUP 128
#define PF_PACKED_INT4_INPUT_GROUP 32

/* Bytes that pf_linear_pack writes for a weight [n, k] on this engine's instruction set. */
PF_API pf_status pf_linear_packed_size(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision,
                                       int64_t *bytes);

/*
 * Packs a weight for the functions that take a packed one. The result is a header of PF_PACKED_HEADER_BYTES bytes and,
 * behind it, panels, each of which has some adjacent output features. Panels of float32 are of use to the engine's
 * instruction set alone. All others are the same for every instruction set and little-endian, so that they may be
 * stored in files and mapped:
 *
 *   header  uint32 PF_PACKED_MAGIC, int32 isa (0 in all but float32), int32 precision, int32 0, int64 n, int64 k, zeros
 *   BF16    [n/32][k/2][32][2] bfloat16: 32 output features, of each two adjacent input features
 *   INT8    scales float32 [n], sums of the codes int32 [n], then [n/32][k/4][32][4] int8;
 *           w' = scale[n] * code, |code| <= 127, scale = max|w'| / 127, where w' is the weight rotated. The rotation
 * takes 128 input features at a time, or 64 at the end, the padding of k included: of each two that are 16 apart, a
 * becomes a + b and b becomes a - b; then the same for those 32 apart, then 64 INT4    [n/32][k/group] of: scales
 * bfloat16 [32], then [group/8][32][4] bytes, of which byte b has input feature b of eight in its low and b + 4 in its
 * high four bits; w = scale * (code - 8), group is 32 or 128
 *
 * with n rounded up to PF_PACKED_PANEL, k to 32 (BF16), to 64 (INT8) or to the group (INT4), and zeros behind the
 * weight. A NaN or an infinity makes the scale that it belongs to NaN.
 */
PF_API pf_status pf_linear_pack(pf_engine *engine,            //
                                const void *weight,           /* [n, k] of dtype, aligned to its elements */
                                pf_dtype dtype, void *packed, /* pf_linear_packed_size bytes, aligned */
                                int64_t n, int64_t k, pf_precision precision);

/*
 * A compact weight is a packed weight whose exponents take fewer bits, so that 28 bits of a weight in FP32 are read,
 * and 12 of one in BF16. pf_linear_compact_pack needs as much room for it as the packed weight has; *bytes is 0 where
 * this engine has no such layout, which takes AVX-512 VBMI and, for BF16, AVX-512 BF16 without AMX.
 */
PF_API pf_status pf_linear_compact_size(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision,
                                        int64_t *bytes);

/*
 * Makes a compact weight of a packed one in FP32 or BF16. Every function takes it in place of the packed weight and
 * gives the same bits. It is for few rows at a time, as in the steps of a decoder, which wait for memory: up to about
 * eight rows take less time than with the packed weight, and more may take longer. It is of use to engines of this
 * process alone, and pf_linear_packed_check refuses it.
 *
 * PF_ERROR_UNSUPPORTED where pf_linear_compact_size is 0, or where too many exponents of the weight are far from those
 * of its neighbours. What was written then is of no use.
 */
PF_API pf_status pf_linear_compact_pack(pf_engine *engine,  //
                                        const void *packed, /* pf_linear_pack of [n, k] */
                                        void *compact,      /* pf_linear_compact_size bytes, aligned */
                                        int64_t n, int64_t k,
                                        int64_t *used); /* of these bytes, those that are written and read; or NULL */

/*
 * Checks `bytes` bytes that came from elsewhere, such as a mapped file: PF_OK if they are a weight [n, k] that was
 * packed in this precision and that this engine can read, else PF_ERROR_PACKED_WEIGHTS. It reads no more than the
 * header. Whatever the codes and scales behind it are, no call reads or writes outside of its memory.
 */
PF_API pf_status pf_linear_packed_check(const pf_engine *engine, const void *packed, int64_t bytes, int64_t n,
                                        int64_t k, pf_precision precision);

/* Bytes of workspace for pf_linear: 0 for PF_PRECISION_FP32, and bounded, however many tokens there are. */
PF_API pf_status pf_linear_workspace_size(const pf_engine *engine, int64_t tokens, int64_t k, pf_precision precision,
                                          int64_t *bytes);

/*
 * y = activation(x W^T + bias) + residual. y may alias residual; it must not overlap x.
 *
 * FP32: each y[i, j] is one chain of additions over k in ascending order.
 *
 * BF16: x is rounded to the nearest bfloat16. Of each 32 input features, the products of the even ones are one chain of
 * additions and those of the odd ones another; the sum of both chains is added to that of the features before. Without
 * an activation every instruction set therefore gives the same bits, with two exceptions: AMX takes subnormal numbers
 * for 0, and where there is AVX-512 BF16 without AMX, its dot products round in an order of their own.
 *
 * INT8: each row of x is divided by 8, its last 64 features perhaps by 4, and rotated as the weight is. What it is then
 * becomes codes in [0, 255], which span the values from the row's least, or 0, to its greatest, or 0. Sums of products
 * of codes are exact, so that without an activation every instruction set gives the same bits.
 *
 * INT4: each 32 values of x become codes in [-127, 127], by the largest magnitude among them.
 *
 * In INT8 and INT4 a NaN or an infinity in x makes its row NaN.
 */
PF_API pf_status pf_linear(pf_engine *engine,     //
                           const float *x,        /* [tokens, k] */
                           const void *packed,    /* pf_linear_pack of W [n, k] */
                           const float *bias,     /* [n] or NULL */
                           const float *residual, /* [tokens, n] or NULL */
                           float *y,              /* [tokens, n] */
                           int64_t tokens, int64_t n, int64_t k, pf_activation activation,
                           void *workspace, /* pf_linear_workspace_size bytes, aligned; NULL where that is 0 */
                           int64_t workspace_bytes);

/* ---- Feed-forward ------------------------------------------------------------------------------------------- */

typedef struct pf_ffn_params {
  const float *x;         /* [tokens, hidden] */
  const void *gate;       /* pf_linear_pack of [intermediate, hidden], or NULL for none */
  const float *gate_bias; /* [intermediate] or NULL; NULL without a gate */
  const void *up;         /* pf_linear_pack of [intermediate, hidden] */
  const float *up_bias;   /* [intermediate] or NULL */
  const void *down;       /* pf_linear_pack of [hidden, intermediate] */
  const float *down_bias; /* [hidden] or NULL */
  const float *residual;  /* [tokens, hidden] or NULL; may be x */
  float *y;               /* [tokens, hidden]; must not overlap x, may alias a residual that is not x */
  int64_t tokens;
  int64_t hidden;
  int64_t intermediate;
  pf_activation activation;
  void *workspace; /* pf_ffn_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_ffn_params;

/*
 * Bytes of workspace for pf_ffn at this many tokens, whatever the precision of its weights; bounded, however many
 * tokens there are.
 */
PF_API pf_status pf_ffn_workspace_size(const pf_engine *engine, int64_t tokens, int64_t hidden, int64_t intermediate,
                                       int64_t *bytes);

/*
 * y = activation(x up^T + up_bias) down^T + down_bias + residual (Vaswani et al. 2017, section 3.3); with a gate
 * y = (activation(x gate^T + gate_bias) * (x up^T + up_bias)) down^T + down_bias + residual (Shazeer 2020).
 */
PF_API pf_status pf_ffn(pf_engine *engine, const pf_ffn_params *params);

/* ---- Attention ---------------------------------------------------------------------------------------------- */

typedef struct pf_attention_params {
  const float *q;               /* q[t * q_token_stride + h * q_head_stride + d] */
  const float *k;               /* k[t * kv_token_stride + h * kv_head_stride + d] */
  const float *v;               /* strides of k */
  float *y;                     /* y[t * y_token_stride + h * y_head_stride + d]; overlaps no input */
  const int32_t *cu_seqlens_q;  /* [sequences + 1] */
  const int32_t *cu_seqlens_kv; /* [sequences + 1]; may be cu_seqlens_q */
  const float *bias;            /* NULL, or added to the scaled scores of query i and key j of sequence s as
                                   bias[s * bias_sequence_stride + h * bias_head_stride + i * bias_query_stride + j];
                                   with a query stride of -1, bias is a table of the distance j - i from i = 0 on */
  int64_t q_token_stride, q_head_stride;
  int64_t kv_token_stride, kv_head_stride;
  int64_t y_token_stride, y_head_stride;
  int64_t bias_sequence_stride, bias_head_stride, bias_query_stride; /* the last of them may be negative */
  int64_t q_tokens, kv_tokens; /* rows of q and of k and v: what the cumulative lengths must end on */
  int64_t sequences;
  int64_t heads;    /* of q and y */
  int64_t kv_heads; /* divides heads; query head h reads key head h / (heads / kv_heads) */
  int64_t head_dim; /* at most PF_MAX_HEAD_DIM */
  float scale;      /* applied to q k^T, usually 1/sqrt(head_dim) */
  int32_t causal;   /* non-zero: query i sees keys j <= i + kv_length - q_length */
  void *workspace;  /* pf_attention_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_attention_params;

/* Bytes of workspace for pf_attention on this engine. Depends on no length. */
PF_API pf_status pf_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes);

/*
 * y = softmax(scale q k^T + bias) v for every sequence and head, tiled over the keys with an online softmax
 * (Milakov, Gimelshein 2018; Dao et al. 2022), so that scores never leave the cache. A query that sees no key gets
 * zeros. q, k and v may lie in one packed buffer [tokens, (heads + 2 kv_heads) * head_dim].
 */
PF_API pf_status pf_attention(pf_engine *engine, const pf_attention_params *params);

/* ---- Attention in linear time -------------------------------------------------------------------------------- */

typedef struct pf_linformer_attention_params {
  const float *q;                /* q[t * q_token_stride + h * q_head_stride + d] */
  const float *k;                /* k[t * kv_token_stride + h * kv_head_stride + d] */
  const float *v;                /* strides of k */
  const float *key_projection;   /* [positions, projected]: row p is what a token at position p adds to the projected
                                    keys, the paper's E transposed */
  const float *value_projection; /* [positions, projected], F transposed; may be key_projection */
  float *y;                      /* y[t * y_token_stride + h * y_head_stride + d]; overlaps no input */
  const int32_t *cu_seqlens;     /* [sequences + 1] */
  const int32_t *position_ids;   /* [tokens], each in [0, positions) */
  int64_t q_token_stride, q_head_stride;
  int64_t kv_token_stride, kv_head_stride;
  int64_t y_token_stride, y_head_stride;
  int64_t tokens; /* rows of q, k, v and y: what the cumulative lengths must end on */
  int64_t sequences;
  int64_t heads;
  int64_t head_dim; /* at most PF_MAX_HEAD_DIM */
  int64_t positions;
  int64_t projected; /* keys and values that a sequence of any length becomes; heads * projected is a dimension */
  float scale;       /* applied to the products of queries and projected keys, usually 1/sqrt(head_dim) */
  void *workspace;   /* pf_linformer_attention_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_linformer_attention_params;

/* Bytes of workspace for pf_linformer_attention on this engine. Depends on no length. */
PF_API pf_status pf_linformer_attention_workspace_size(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                       int64_t projected, int64_t *bytes);

/*
 * y = softmax(scale q (E k)^T) (F v) for every sequence and head (Wang et al. 2020, equation 7), where E and F are the
 * columns of the projections that belong to the positions of the sequence's tokens. Time and memory grow with the
 * tokens alone.
 */
PF_API pf_status pf_linformer_attention(pf_engine *engine, const pf_linformer_attention_params *params);

typedef struct pf_performer_attention_params {
  const float *q;               /* q[t * q_token_stride + h * q_head_stride + d] */
  const float *k;               /* k[t * kv_token_stride + h * kv_head_stride + d] */
  const float *v;               /* strides of k */
  const float *random_features; /* [features, head_dim], the same for every head */
  float *y;                     /* y[t * y_token_stride + h * y_head_stride + d]; overlaps no input */
  const int32_t *cu_seqlens;    /* [sequences + 1] */
  int64_t q_token_stride, q_head_stride;
  int64_t kv_token_stride, kv_head_stride;
  int64_t y_token_stride, y_head_stride;
  int64_t tokens; /* rows of q, k, v and y: what the cumulative lengths must end on */
  int64_t sequences;
  int64_t heads;
  int64_t head_dim; /* at most PF_MAX_HEAD_DIM */
  int64_t features; /* heads * features is a dimension */
  pf_feature_map map;
  float scale;     /* of q and of k before they meet the features, usually head_dim^(-1/4) for SOFTMAX and 1 for RELU */
  float offset;    /* RELU: added to each feature, so that weights have a sum; >= 0 */
  int32_t causal;  /* non-zero: query i sees keys j <= i */
  void *workspace; /* pf_performer_attention_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_performer_attention_params;

/* Bytes of workspace for pf_performer_attention on this engine. Depends on no length. */
PF_API pf_status pf_performer_attention_workspace_size(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                       int64_t features, int32_t causal, int64_t *bytes);

/*
 * y_i = sum over the keys j of f(q_i) f(k_j) v_j / sum over the keys j of f(q_i) f(k_j) for every sequence and head,
 * where f(x) has an element map(w scale x) for each random feature w: FAVOR+ (Choromanski et al. 2021). Factors that
 * all features of a query, or one feature of all keys, have in common cancel and are taken out before they leave the
 * range of a float: exponents may have any finite size. Where all weights are 0, y is 0.
 */
PF_API pf_status pf_performer_attention(pf_engine *engine, const pf_performer_attention_params *params);

/* ---- Sparse attention --------------------------------------------------------------------------------------- */

/* Keys begin .. end - 1, rows of k and v. */
typedef struct pf_key_span {
  int32_t begin, end;
  int32_t banded; /* non-zero: a query sees only those within its band */
} pf_key_span;

/* The most features of a head here: whole hidden states may be keys, and values too. */
#define PF_MAX_SPARSE_HEAD_DIM 8192

typedef struct pf_sparse_attention_params {
  const float *q;              /* q[t * q_token_stride + h * q_head_stride + d] */
  const float *k;              /* k[t * kv_token_stride + h * kv_head_stride + d] */
  const float *v;              /* strides of k */
  float *y;                    /* y[t * y_token_stride + h * y_head_stride + d]; overlaps no input */
  const int32_t *block_starts; /* [blocks + 1], from 0 to q_tokens: block b is the queries from block_starts[b] up to
                                  block_starts[b + 1] */
  const int32_t *list_starts;  /* [blocks * lists + 1], from 0 on: list l of block b is the spans from
                                  list_starts[b * lists + l] up to the next one's */
  const pf_key_span *spans;    /* all lists end to end, list_starts[blocks * lists] of them */
  const int32_t *bands;        /* [q_tokens, 2]: the first key of a query's band and the one behind its last; NULL where
                                  no span is banded */
  int64_t q_token_stride, q_head_stride;
  int64_t kv_token_stride, kv_head_stride;
  int64_t y_token_stride, y_head_stride;
  int64_t q_tokens, kv_tokens; /* rows of q, and of k and v */
  int64_t blocks;
  int64_t lists;    /* of a block: one for all heads, or `heads`, one for each */
  int64_t heads;    /* of q and y */
  int64_t kv_heads; /* divides heads; query head h reads key head h / (heads / kv_heads) */
  int64_t head_dim; /* at most PF_MAX_SPARSE_HEAD_DIM */
  float scale;      /* applied to q k^T, usually 1/sqrt(head_dim) */
  void *workspace;  /* pf_sparse_attention_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_sparse_attention_params;

/* Bytes of workspace for pf_sparse_attention on this engine. Depends on no length. */
PF_API pf_status pf_sparse_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes);

/*
 * y = softmax(scale q k^T) v over the keys that each query sees. These are the keys of the spans in the list of its
 * block, as often as they are listed, and of banded spans those within its own band. Sliding windows with global tokens
 * are made of bands and spans (Beltagy et al. 2020), blocks seen at random of spans (Zaheer et al. 2020). No other key
 * is read, and a query that sees no key gets zeros.
 *
 * There are no sequences but those that the lists imply: a query gets the same bits whatever lies before and behind the
 * keys it sees. Blocks of 32 queries or more take the least time for each query. Spans and bands are checked before
 * anything is written: PF_ERROR_INDEX.
 */
PF_API pf_status pf_sparse_attention(pf_engine *engine, const pf_sparse_attention_params *params);

/* ---- Decoding ----------------------------------------------------------------------------------------------- */

typedef struct pf_rope_params {
  float *x;                          /* x[t * token_stride + h * head_stride + d], rotated in place */
  const float *cos;                  /* [positions, rotary_dim / 2] */
  const float *sin;                  /* [positions, rotary_dim / 2] */
  const int32_t *position_ids;       /* [tokens], each in [0, positions) */
  int64_t token_stride, head_stride; /* such that no two heads overlap: tokens outside heads or heads outside tokens */
  int64_t tokens;
  int64_t heads;
  int64_t rotary_dim; /* even, at most PF_MAX_HEAD_DIM; features of a head behind it stay as they are */
  int64_t positions;
} pf_rope_params;

/*
 * Rotary position embedding (Su et al. 2021) in the halves' convention: the pair (x[i], x[i + rotary_dim / 2]) of every
 * head turns by the angle whose cosine and sine are cos[position, i] and sin[position, i]. Queries and keys that lie
 * side by side in one packed buffer with one head stride are one call.
 */
PF_API pf_status pf_rope(pf_engine *engine, const pf_rope_params *params);

/*
 * The key-value cache of one layer is memory of the caller, [blocks, 2, kv_heads, block_tokens, head_dim], keys before
 * values. A sequence owns any blocks of it, in the order of its block table, and fills them token by token: its key j
 * lies in block table[j / block_tokens] at j % block_tokens (Kwon et al. 2023). A slot numbers a token of the cache:
 * block * block_tokens + offset; there are at most PF_MAX_DIMENSION of them.
 */
typedef struct pf_kv_store_params {
  const float *k;       /* k[t * kv_token_stride + h * kv_head_stride + d] */
  const float *v;       /* strides of k */
  float *cache;         /* [blocks, 2, kv_heads, block_tokens, head_dim]; overlaps no input */
  const int32_t *slots; /* [tokens], each in [0, blocks * block_tokens); of a slot named twice the last token stays */
  int64_t kv_token_stride, kv_head_stride;
  int64_t tokens;
  int64_t blocks;
  int64_t block_tokens;
  int64_t kv_heads;
  int64_t head_dim; /* at most PF_MAX_HEAD_DIM */
} pf_kv_store_params;

/* Copies keys and values of tokens into their slots. All slots are checked before any is written: PF_ERROR_INDEX. */
PF_API pf_status pf_kv_store(pf_engine *engine, const pf_kv_store_params *params);

typedef struct pf_paged_attention_params {
  const float *q;              /* q[t * q_token_stride + h * q_head_stride + d] */
  const float *cache;          /* [blocks, 2, kv_heads, block_tokens, head_dim] */
  float *y;                    /* y[t * y_token_stride + h * y_head_stride + d]; overlaps no input */
  const int32_t *cu_seqlens_q; /* [sequences + 1] */
  const int32_t *kv_lengths;   /* [sequences], keys of the sequence, those of its queries here included; at least 1 */
  const int32_t *block_tables; /* block_tables[s * block_table_stride + i], block i of sequence s; in [0, blocks) */
  const float *bias; /* [heads, bias_distances], or NULL: added to the scaled score of a key that lies `distance` before
                        the query is bias[h * bias_distances + min(distance, bias_distances - 1)] */
  int64_t bias_distances; /* at least 1 with a bias */
  int64_t q_token_stride, q_head_stride;
  int64_t y_token_stride, y_head_stride;
  int64_t block_table_stride; /* at least ceil(kv_length / block_tokens) of every sequence that has queries */
  int64_t q_tokens;           /* rows of q: what cu_seqlens_q must end on */
  int64_t sequences;
  int64_t heads;    /* of q and y */
  int64_t kv_heads; /* divides heads; query head h reads key head h / (heads / kv_heads) */
  int64_t head_dim; /* at most PF_MAX_HEAD_DIM */
  int64_t blocks;
  int64_t block_tokens;
  int64_t window; /* 0: a query sees all keys up to its own; else its own and the window - 1 before it */
  int32_t
      all_keys; /* non-zero: every query sees all keys of its sequence, wherever it stands; neither window nor bias */
  float scale;  /* applied to q k^T, usually 1/sqrt(head_dim) */
  void *workspace; /* pf_paged_attention_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_paged_attention_params;

/* Bytes of workspace for pf_paged_attention on this engine. Depends on no length. */
PF_API pf_status pf_paged_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes);

/*
 * y = softmax(scale q k^T + bias) v over a paged cache. The queries of a sequence are its last tokens, query i standing
 * at kv_length - q_length + i. One token a sequence is a step of decoding, several are a prompt or a chunk of one, and
 * one call takes any mix of them. Table entries of blocks that no query sees are not read. With all_keys the keys are
 * another text's, whose length is kv_length: cross-attention (Vaswani et al. 2017, section 3.2.3). A bias by distance
 * is T5's (Raffel et al. 2020, section 2.1).
 *
 * What a query gets is the same to the last bit however its prompt was cut into chunks and its keys into blocks, as
 * long as keys and values are finite: keys are taken in spans counted from the first, and the spans' sums merged in
 * order. Up to 512 keys it is also what a causal pf_attention gives.
 */
PF_API pf_status pf_paged_attention(pf_engine *engine, const pf_paged_attention_params *params);

/* Calls of up to so many tokens use a screen. With more of them it takes longer to compute than to read the weight. */
#define PF_MAX_SCREENED_TOKENS 8

/*
 * A screen of a weight [n, k] in float32 or bfloat16 is the same weight once more in 8 bits, with a bound on how far
 * each output that is computed with it may be off. It tells which outputs cannot be among the largest without reading
 * the weight itself, of which only the few other rows are then read. Columns are first centred and scaled to one size,
 * since what all outputs have in common does not decide between them.
 */
/* Bytes of a screen, a multiple of PF_ALIGNMENT. k is at most PF_MAX_INT8_FEATURES. */
PF_API pf_status pf_screen_size(const pf_engine *engine, int64_t n, int64_t k, int64_t *bytes);

/*
 * Makes the screen of a packed weight, aligned like packed weights. PF_ERROR_PACKED_WEIGHTS if the weight is in 8 or 4
 * bits, or not packed for this engine. A weight with a NaN or an infinity gets a screen that is never used.
 */
PF_API pf_status pf_screen_pack(pf_engine *engine, const void *packed, void *screen, int64_t n, int64_t k);

typedef struct pf_linear_top_k_params {
  const float *x;                   /* [tokens, hidden] */
  const void *packed;               /* pf_linear_pack of [vocab, hidden] */
  const float *bias;                /* [vocab] or NULL */
  const float *inverse_temperature; /* [tokens], finite and above 0, or NULL for all 1 */
  float *values;                    /* [tokens, count], logits in descending order */
  int32_t *ids;                     /* [tokens, count], their columns; of equal logits the smaller id comes first */
  float *log_sum_exp; /* [tokens], log of the sum over all of vocab of exp(logit * inverse_temperature); or NULL */
  const void *screen; /* pf_screen_pack of packed, or NULL: used where log_sum_exp is NULL */
  int64_t *computed;  /* how many columns' logits were computed as pf_linear does: vocab but for a screen; or NULL */
  int64_t tokens;
  int64_t vocab;
  int64_t hidden;
  int64_t count;   /* in [1, vocab] */
  void *workspace; /* pf_linear_top_k_workspace_size bytes, aligned */
  int64_t workspace_bytes;
} pf_linear_top_k_params;

/* Bytes of workspace for pf_linear_top_k on this engine; bounded, however many tokens there are. */
PF_API pf_status pf_linear_top_k_workspace_size(const pf_engine *engine, int64_t tokens, int64_t vocab, int64_t hidden,
                                                int64_t count, int64_t *bytes);

/*
 * The `count` largest logits of x W^T + bias, and log_sum_exp, by which they become probabilities: exp(value *
 * inverse_temperature - log_sum_exp). The logits never leave the cache. The bits are those of pf_top_k after pf_linear,
 * with a screen and without. A row with a NaN among its logits gets ids of -1, and NaN for values and log_sum_exp.
 */
PF_API pf_status pf_linear_top_k(pf_engine *engine, const pf_linear_top_k_params *params);

/* The same as pf_linear_top_k, of logits that are in memory. */
PF_API pf_status pf_top_k(pf_engine *engine,                //
                          const float *logits,              /* [rows, columns] */
                          const float *inverse_temperature, /* [rows], finite and above 0, or NULL for all 1 */
                          float *values,                    /* [rows, count] */
                          int32_t *ids,                     /* [rows, count] */
                          float *log_sum_exp,               /* [rows] */
                          int64_t rows, int64_t columns, int64_t count);

/* ---- Normalisation, softmax, activation --------------------------------------------------------------------- */

/* y = (z - mean(z)) / sqrt(var(z) + eps) * weight + bias with z = x + residual, row by row (Ba et al. 2016).
 * y may alias x or residual. */
PF_API pf_status pf_layer_norm(pf_engine *engine,     //
                               const float *x,        /* [tokens, hidden] */
                               const float *residual, /* [tokens, hidden] or NULL */
                               const float *weight,   /* [hidden] */
                               const float *bias,     /* [hidden] or NULL */
                               float *y,              /* [tokens, hidden] */
                               int64_t tokens, int64_t hidden, float eps);

/* y = z / sqrt(mean(z^2) + eps) * weight with z = x + residual, row by row (Zhang, Sennrich 2019).
 * y may alias x or residual. */
PF_API pf_status pf_rms_norm(pf_engine *engine,     //
                             const float *x,        /* [tokens, hidden] */
                             const float *residual, /* [tokens, hidden] or NULL */
                             const float *weight,   /* [hidden] */
                             float *y,              /* [tokens, hidden] */
                             int64_t tokens, int64_t hidden, float eps);

/* y = exp(x - max x) / sum, row by row. A row of only -inf gives zeros. y may alias x. */
PF_API pf_status pf_softmax(pf_engine *engine, //
                            const float *x,    /* [rows, columns] */
                            float *y,          /* [rows, columns] */
                            int64_t rows, int64_t columns);

/* y[i] = activation(x[i]). y may alias x. */
PF_API pf_status pf_activate(pf_engine *engine, const float *x, float *y, int64_t count, pf_activation activation);

/* ---- Pooling ------------------------------------------------------------------------------------------------ */

/* One vector for each sequence, of which every one must have a token. With normalize != 0 it is divided by
 * max(its L2 norm, 1e-12). */
PF_API pf_status pf_pool(pf_engine *engine,         //
                         const float *x,            /* [tokens, hidden] */
                         const int32_t *cu_seqlens, /* [sequences + 1] */
                         float *y,                  /* [sequences, hidden] */
                         int64_t tokens, int64_t sequences, int64_t hidden, pf_pooling pooling, int32_t normalize);

#ifdef __cplusplus
}
#endif

#endif
