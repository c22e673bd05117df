"""The keypoint subnet's convolution of concatenated levels as a sum, level by level.

More than half of the products of MultiPoseNet's largest convolution are spent on copies: D3...D5
are upsampled, and the same values multiplied again and again. Exported files do without.
"""

import keras
import numpy as np
from keras import layers, ops


def separated(subnet):
    """The maps of a keypoint subnet from fewer operations.

    A convolution of concatenated levels is the sum of the levels' own convolutions. That of a
    level upsampled f-fold, 9 f^2 products for each of its cells, is a transposed convolution of
    the level itself with (f + 2)^2 products. With four equal levels 46 % are left.

    Args:
        subnet: a model of ``keypoint_subnet``. The kernels are made of the weights that it has
            now: the result is for inference.

    Returns:
        A ``keras.Model`` from the dict K2...K5 to ``{"maps": ...}``, equal to that of the subnet.
        Without concatenation there is nothing to save, and with separable convolutions little: such
        subnets stay as they are, with their attention if they have one.
    """
    present = {layer.name: layer for layer in subnet.layers}
    if not {"merged", "merged_conv"} <= set(present):
        final = {key: subnet.output[key] for key in ("maps", "attention") if key in subnet.output}
        return keras.Model(subnet.input, final, name=subnet.name)
    levels, factors = list(present["merged"].input), []
    for index, key in enumerate(subnet.input):
        upsampling = present.get(f"d{key[-1]}_upsampled")
        factors.append(upsampling.size[0] if upsampling else 1)
        levels[index] = upsampling.input if upsampling else levels[index]
    x = _SumOfConvolutions(present["merged_conv"], factors)(levels)
    for name in ("merged_conv_bn", "merged_conv_relu", "prediction"):
        x = present[name](x) if name in present else x
    return keras.Model(subnet.input, {"maps": x}, name=subnet.name)


class _SumOfConvolutions(layers.Layer):
    """``convolution`` of the concatenation of levels that are upsampled by ``factors`` first."""

    def __init__(self, convolution, factors):
        super().__init__()
        kernels = np.split(ops.convert_to_numpy(convolution.kernel), len(factors), axis=2)
        self.parts = list(zip(factors, kernels, strict=True))
        self.bias = ops.convert_to_numpy(convolution.bias) if convolution.use_bias else 0.0

    def call(self, levels):
        total = ops.convert_to_tensor(self.bias)
        # Coarse levels first: runtimes then let the plain convolution add the sum to its own.
        for level, (factor, kernel) in reversed(list(zip(levels, self.parts, strict=True))):
            if factor > 1:
                kernel = ops.convert_to_tensor(upsampled_kernel(kernel, factor))
                part = ops.conv_transpose(
                    level, kernel, factor, "same", data_format="channels_last"
                )
            else:
                kernel = ops.convert_to_tensor(kernel)
                part = ops.conv(level, kernel, 1, "same", data_format="channels_last")
            total = total + part
        return total

    def compute_output_shape(self, shapes):
        finest = [factor for factor, _ in self.parts].index(1)
        return (*shapes[finest][:3], self.parts[0][1].shape[-1])


def upsampled_kernel(kernel, factor):
    """The kernel of a transposed convolution that upsamples and convolves in one.

    Args:
        kernel: ``(3, 3, in, out)`` of a convolution of nearest-neighbour upsampled maps.
        factor: of the upsampling.

    Returns:
        ``(factor + 2, factor + 2, out, in)`` for the stride ``factor`` and padding "same".
    """
    # Row d of the kernel meets a copied cell wherever that cell's copies are, shifted by 1 - d.
    copies = np.stack([np.eye(factor + 2)[2 - d : 2 - d + factor].sum(axis=0) for d in range(3)])
    return np.einsum("da,eb,deio->aboi", copies, copies, kernel).astype(kernel.dtype)
