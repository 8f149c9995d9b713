"""The vectors that are not run, each with its reason: a setting or a type that plainnet lacks.

A wrong result is no reason. What is listed here and would pass is reported too.
"""

_LEFT_OUT = {
    "float16 or bfloat16": """
        test_attention_24_qk_matmul_output_mode3_softmax_precision
        test_attention_3d_causal_bf16
        test_attention_4d_attn_mask_causal_bf16
        test_attention_4d_causal_bf16
        test_attention_4d_causal_fp16
        test_attention_4d_causal_padded_kv_bf16
        test_attention_4d_fp16
        test_attention_4d_gqa_causal_nonpad_decode_fp16
        test_attention_4d_gqa_with_past_and_present_fp16
        test_attention_4d_padded_kv_bf16
        test_attention_local_window_ext_cache_float16_mask
        test_causal_conv_with_state_fp16
        test_causal_conv_with_state_silu_fp16
        test_swiglu_float16
    """,
    "a list or an optional value in place of an array": """
        test_identity_opt
        test_identity_sequence
    """,
    "an example without numbers": """
        test_reshape_allowzero_reordered
    """,
    "alpha and scale of SELU are constants": """
        test_selu
        test_selu_example
    """,
    "negative ids": """
        test_gather_negative_indices
    """,
    "the sum of the losses": """
        test_sce_NCd1d2d3_sum_weight_high_ii
        test_sce_NCd1d2d3_sum_weight_high_ii_log_prob
        test_sce_sum
        test_sce_sum_log_prob
        test_nllloss_NCd1d2_reduction_sum
        test_nllloss_NCd1d2_with_weight_reduction_sum
        test_nllloss_NCd1d2_with_weight_reduction_sum_ii
        test_nllloss_NCd1d2d3_sum_weight_high_ii
    """,
    "the losses one by one, weighted or not counted": """
        test_sce_NCd1d2d3_none_no_weight_negative_ii
        test_sce_NCd1d2d3_none_no_weight_negative_ii_log_prob
        test_sce_none_weights
        test_sce_none_weights_log_prob
        test_nllloss_NCd1d2_with_weight
        test_nllloss_NCd1d2d3_none_no_weight_negative_ii
    """,
    "a mask that differs between queries, or numbers added to the scores": """
        test_attention_23_boolmask_fullymasked_row_nan_robustness
        test_attention_23_fullymasked_qk_matmul_output_mode3_zero
        test_attention_24_fullymasked_qk_matmul_output_mode3_zero
        test_attention_3d_attn_mask
        test_attention_3d_diff_heads_sizes_attn_mask
        test_attention_3d_diff_heads_with_past_and_present
        test_attention_3d_gqa_attn_mask
        test_attention_3d_gqa_with_past_and_present
        test_attention_3d_with_past_and_present
        test_attention_3d_with_past_and_present_qk_matmul
        test_attention_3d_with_past_and_present_qk_matmul_bias
        test_attention_3d_with_past_and_present_qk_matmul_softmax
        test_attention_4d_attn_mask
        test_attention_4d_attn_mask_3d
        test_attention_4d_attn_mask_3d_causal
        test_attention_4d_attn_mask_4d
        test_attention_4d_attn_mask_4d_causal
        test_attention_4d_causal_nonpad_attn_mask_composition
        test_attention_4d_diff_heads_mask4d_padded_kv
        test_attention_4d_diff_heads_sizes_attn_mask
        test_attention_4d_diff_heads_with_past_and_present
        test_attention_4d_diff_heads_with_past_and_present_mask3d
        test_attention_4d_diff_heads_with_past_and_present_mask4d
        test_attention_4d_gqa_attn_mask
        test_attention_4d_gqa_with_past_and_present
        test_attention_4d_with_past_and_present
        test_attention_4d_with_past_and_present_qk_matmul
        test_attention_4d_with_past_and_present_qk_matmul_bias
        test_attention_4d_with_past_and_present_qk_matmul_bias_3d_mask
        test_attention_4d_with_past_and_present_qk_matmul_bias_3d_mask_causal
        test_attention_4d_with_past_and_present_qk_matmul_bias_4d_mask
        test_attention_4d_with_past_and_present_qk_matmul_bias_4d_mask_causal
        test_attention_4d_with_qk_matmul_bias
        test_attention_4d_with_qk_matmul_softmax
        test_attention_causal_boolmask_nan_robustness
    """,
    "scores bounded by softcap": """
        test_attention_3d_diff_heads_sizes_softcap
        test_attention_3d_gqa_softcap
        test_attention_3d_softcap
        test_attention_3d_with_past_and_present_qk_matmul_softcap
        test_attention_4d_diff_heads_sizes_softcap
        test_attention_4d_gqa_softcap
        test_attention_4d_softcap
        test_attention_4d_softcap_neginf_mask
        test_attention_4d_softcap_neginf_mask_poison
        test_attention_4d_with_qk_matmul_softcap
        test_attention_local_window_gqa_rank4_mask
    """,
    "attention to a window": """
        test_attention_3d_local_window
        test_attention_bidirectional_window
        test_attention_local_window
        test_attention_local_window_ext_cache_rank2_mask
        test_attention_local_window_ext_cache_rank3_head_mask
        test_attention_local_window_ext_cache_rank4_batch_mask
        test_attention_local_window_rank1_boolean_mask
        test_attention_local_window_with_past
    """,
    "three directions": """
        test_Conv3d
        test_Conv3d_dilated
        test_Conv3d_dilated_strided
        test_Conv3d_groups
        test_Conv3d_no_bias
        test_Conv3d_stride
        test_Conv3d_stride_padding
        test_convtranspose_3d
        test_averagepool_3d_default
        test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False
        test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True
        test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False
        test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True
        test_averagepool_3d_dilations_small
        test_AvgPool3d
        test_AvgPool3d_stride
        test_AvgPool3d_stride1_pad0_gpu_input
        test_MaxPool3d
        test_MaxPool3d_stride
        test_MaxPool3d_stride_padding
        test_maxpool_3d_default
        test_maxpool_3d_dilations
        test_maxpool_3d_dilations_use_ref_impl
        test_maxpool_3d_dilations_use_ref_impl_large
    """,
    "a dilated pool": """
        test_averagepool_2d_dilations
        test_MaxPool1d_stride_padding_dilation
        test_MaxPool2d_stride_padding_dilation
        test_maxpool_2d_dilations
    """,
    "an image of integers": """
        test_maxpool_2d_uint8
    """,
    "not whole times as large, another curve, or other coordinates": """
        test_resize_downsample_scales_cubic
        test_resize_downsample_scales_cubic_A_n0p5_exclude_outside
        test_resize_downsample_scales_cubic_align_corners
        test_resize_downsample_scales_cubic_antialias
        test_resize_downsample_scales_linear
        test_resize_downsample_scales_linear_align_corners
        test_resize_downsample_scales_linear_antialias
        test_resize_downsample_scales_linear_half_pixel_symmetric
        test_resize_downsample_scales_nearest
        test_resize_downsample_sizes_cubic
        test_resize_downsample_sizes_cubic_antialias
        test_resize_downsample_sizes_linear_antialias
        test_resize_downsample_sizes_linear_pytorch_half_pixel
        test_resize_downsample_sizes_nearest
        test_resize_downsample_sizes_nearest_not_larger
        test_resize_downsample_sizes_nearest_not_smaller
        test_resize_tf_crop_and_resize
        test_resize_tf_crop_and_resize_axes_2_3
        test_resize_tf_crop_and_resize_axes_3_2
        test_resize_tf_crop_and_resize_extrapolation_value
        test_resize_upsample_scales_cubic
        test_resize_upsample_scales_cubic_A_n0p5_exclude_outside
        test_resize_upsample_scales_cubic_align_corners
        test_resize_upsample_scales_cubic_asymmetric
        test_resize_upsample_scales_linear_align_corners
        test_resize_upsample_scales_linear_half_pixel_symmetric
        test_resize_upsample_sizes_cubic
        test_resize_upsample_sizes_nearest
        test_resize_upsample_sizes_nearest_axes_2_3
        test_resize_upsample_sizes_nearest_axes_3_2
        test_resize_upsample_sizes_nearest_ceil_half_pixel
        test_resize_upsample_sizes_nearest_floor_align_corners
        test_resize_upsample_sizes_nearest_not_larger
        test_resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric
    """,
    "peepholes": """
        test_lstm_with_peepholes
    """,
    "more queries than keys that are data": """
        test_attention_4d_causal_nonpad_negative_offset_structural_empty
    """,
}
_IN_PART = {
    "the mask, where nothing is dropped": """
        test_dropout_default_mask
        test_dropout_default_mask_ratio
        test_training_dropout_zero_ratio_mask
    """,
    "where the maximum stood": """
        test_maxpool_with_argmax_2d_precomputed_pads
        test_maxpool_with_argmax_2d_precomputed_strides
    """,
    "the scores before the softmax": """
        test_attention_4d_with_qk_matmul
    """,
}
_MODELS = {
    "padding that is no part of a convolution or a pool": """
        test_ConstantPad2d
        test_ReflectionPad2d
        test_ReplicationPad2d
        test_ZeroPad2d
    """,
    "softmin": """
        test_Softmin
    """,
    "softsign": """
        test_Softsign
    """,
    "counts below zero, which our Poisson loss refuses": """
        test_PoissonNLLLLoss_no_reduce
    """,
}


def _by_name(lists: dict[str, str]) -> dict[str, str]:
    return {name: reason for reason, names in lists.items() for name in names.split()}


LEFT_OUT = _by_name(_LEFT_OUT)
"""Why a vector is not run, by its name."""

MODELS = _by_name(_MODELS)
"""Why a model converted from PyTorch belongs to none of our operators."""

IN_PART = _by_name(_IN_PART)
"""Which output of a vector is not compared, by the vector's name; the others are."""
