use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{Conv, Shape, quads};
use crate::gemm_i8::tests::kernels;
use crate::gemm_i8::{GemmKernel, KERNELS, PANEL, QUAD};
use crate::parallel::Backwards;
use crate::test_epilogues::{Bytes, Ends, own_rows, random_weights};
use crate::test_images::random_axis;
use crate::window::Axis;
use crate::{Parallel, SingleThread};

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Bytes,
    x_zero: u8,
    w_zero: i32,
    packed: Vec<i8>,
    ends: Ends,
    /// Without bias.
    sums: Vec<i64>,
}

impl Case {
    fn new(rng: &mut Rng, shape: Shape) -> Self {
        let Shape { vertical: v, horizontal: h, channels, outputs, groups, batch } = shape;
        let (depth, of_group, taps) = (channels / groups, outputs / groups, v.kernel * h.kernel);
        // `[outputs][taps][depth]`.
        let weights = random_weights(rng, outputs * taps * depth);
        let panel_len = quads(&shape) * PANEL * QUAD;
        let mut packed = vec![0; groups * of_group.div_ceil(PANEL) * panel_len];
        for (i, &w) in weights.iter().enumerate() {
            let (o, tap, k) = (i / depth / taps, i / depth % taps, i % depth);
            let (panel, column) =
                (o / of_group * of_group.div_ceil(PANEL) + o % of_group / PANEL, o % of_group % PANEL);
            let quad = tap * depth.div_ceil(QUAD) + k / QUAD;
            packed[panel * panel_len + (quad * PANEL + column) * QUAD + k % QUAD] = w;
        }
        let mut case = Case {
            shape,
            x: Bytes::random(rng, batch * v.input * h.input, channels),
            x_zero: rng.pick(&[0, 7, 128, 255]),
            w_zero: rng.pick(&[0, 0, 0, -128, 5, 127]),
            packed,
            ends: Ends::random(rng, taps * depth, shape.pixels(), outputs, groups),
            sums: Vec::new(),
        };
        let pixels = 0..shape.pixels() * outputs;
        case.sums = pixels.map(|i| case.sum(i / outputs, i % outputs, &weights)).collect();
        case
    }

    fn sum(&self, pixel: usize, o: usize, weights: &[i8]) -> i64 {
        let Shape { vertical: v, horizontal: h, channels, outputs, groups, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let (depth, taps, group) = (channels / groups, v.kernel * h.kernel, o / (outputs / groups));
        let mut sum = 0;
        for tap in 0..taps {
            let iy = v.first(oy) + (tap / h.kernel * v.dilation) as isize;
            let ix = h.first(ox) + (tap % h.kernel * h.dilation) as isize;
            let inside = (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix);
            for k in 0..depth {
                let at = |y: isize, x: isize| (image * v.input + y as usize) * h.input + x as usize;
                let x = if inside { self.x.at(at(iy, ix), group * depth + k) } else { self.x_zero };
                sum += i64::from(x) * (i64::from(weights[(o * taps + tap) * depth + k]) - i64::from(self.w_zero));
            }
        }
        sum
    }

    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [3, 3], [5, 5], [3, 5], [1, 1], [1, 1], [1, 9], [7, 7], [2, 4]]);
        let stride = [rng.in_range(1..=3), rng.in_range(1..=3)];
        let dilation = rng.pick(&[[1, 1], [1, 1], [2, 1], [1, 2], [3, 3]]);
        let (vertical, _) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (horizontal, _) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let groups = rng.pick(&[1, 1, 1, 2, 3]);
        let channels = groups * rng.pick(&[1, 2, 3, 4, 7, 16, 17, 40]);
        let outputs = groups * rng.pick(&[1, 5, 15, 16, 17, 32, 33, 48, 70]);
        let batch = rng.in_range(1..=2);
        Self::new(rng, Shape { batch, vertical, horizontal, channels, outputs, groups })
    }

    fn run(&self, kernel: &GemmKernel, y: &mut Bytes, in_place: bool, parallel: &dyn Parallel) {
        let mut y = y.rows_mut();
        let conv = Conv {
            shape: self.shape,
            x: self.x.rows(),
            x_zero: self.x_zero,
            w: &self.packed,
            w_zero: self.w_zero,
            epilogue: self.ends.epilogue(in_place.then(|| own_rows(&y))),
        };
        conv.run(kernel, &mut y, parallel);
    }

    fn check(&self, rng: &mut Rng, kernel: &GemmKernel) {
        let what = format!("{}: {:?} {:?}", kernel.name, self.shape, self.ends);
        let expected = |pixel, o| self.ends.expected(pixel, o, self.sums[pixel * self.shape.outputs + o]);
        let blank = Bytes::blank(rng, self.shape.pixels(), self.shape.outputs);
        let (mut one, mut many) = (blank.clone(), blank);
        self.run(kernel, &mut one, false, &SingleThread);
        one.expect(&what, expected);
        self.run(kernel, &mut many, false, &Backwards(4));
        assert!(one == many, "{what}: threads differ");
        if let Some((residual, _)) = &self.ends.residual {
            let mut y = residual.clone();
            self.run(kernel, &mut y, true, &SingleThread);
            y.expect(&what, expected);
        }
    }
}

fn axis(input: usize, kernel: usize, stride: usize, dilation: usize, pad: usize) -> Axis {
    let output = (input + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
    Axis { input, output, kernel, stride, dilation, pad }
}

#[test]
fn every_kernel_gives_the_contracts_bytes() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(1);
        for _ in 0..cases(200) {
            Case::random(&mut rng).check(&mut rng, kernel);
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("conv_i8", &offered, &covered);
}

#[test]
fn sums_of_many_segments_are_carried_on() {
    let shapes = [
        // Channels beyond a piece, elements of the kernel beyond the table.
        (axis(4, 3, 1, 1, 1), axis(5, 3, 1, 1, 1), 601, 40, 1),
        (axis(9, 7, 2, 1, 3), axis(8, 7, 1, 1, 3), 5, 33, 1),
        (axis(15, 7, 1, 2, 6), axis(9, 7, 1, 1, 3), 34, 20, 2),
        // Long rows of the kernel, inside and partly in the padding.
        (axis(1, 1, 1, 1, 0), axis(2000, 512, 100, 1, 256), 4, 50, 1),
        (axis(1, 1, 1, 1, 0), axis(300, 200, 13, 1, 190), 8, 18, 1),
        (axis(3, 2, 1, 1, 0), axis(500, 300, 20, 1, 20), 1, 18, 1),
        // Padding beyond the kernel.
        (axis(3, 2, 1, 1, 5), axis(3, 3, 1, 2, 7), 4, 17, 1),
    ];
    for kernel in kernels() {
        let mut rng = Rng::new(3);
        for (vertical, horizontal, channels, outputs, groups) in shapes {
            for batch in [1, 2] {
                let shape = Shape { batch, vertical, horizontal, channels, outputs, groups };
                Case::new(&mut rng, shape).check(&mut rng, kernel);
            }
        }
    }
}
