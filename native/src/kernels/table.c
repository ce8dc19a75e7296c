/* The kernels of one instruction set, gathered. */
#include "kernel.h"

const pf_kernels PF_KERNEL(kernels) = {
    .isa = PF_ISA,
    .vector_width = VF_WIDTH,
    .destroy = pf_cpu_engine_destroy,
    .embedding = PF_KERNEL(embedding),
    .linear_packed_size = PF_KERNEL(linear_packed_size),
    .linear_pack = PF_KERNEL(linear_pack),
    .linear = PF_KERNEL(linear),
    .ffn_workspace_size = PF_KERNEL(ffn_workspace_size),
    .ffn = PF_KERNEL(ffn),
    .attention_workspace_size = PF_KERNEL(attention_workspace_size),
    .attention = PF_KERNEL(attention),
    .rope = PF_KERNEL(rope),
    .kv_store = PF_KERNEL(kv_store),
    .paged_attention_workspace_size = PF_KERNEL(paged_attention_workspace_size),
    .paged_attention = PF_KERNEL(paged_attention),
    .linear_top_k_workspace_size = PF_KERNEL(linear_top_k_workspace_size),
    .linear_top_k = PF_KERNEL(linear_top_k),
    .top_k = PF_KERNEL(top_k),
    .layer_norm = PF_KERNEL(layer_norm),
    .rms_norm = PF_KERNEL(rms_norm),
    .softmax = PF_KERNEL(softmax),
    .activate = PF_KERNEL(activate),
    .pool = PF_KERNEL(pool),
};
