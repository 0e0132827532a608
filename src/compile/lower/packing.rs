//! Weights in the order in which kernels read them; see the documentation of the plan's operators.

use coulter_repack::weights::quad_filters;

/// Columns of a panel.
const PANEL: usize = 16;

/// A `[depth, columns]` matrix as panels of 16 columns, each `[depth][16]`, with zeros past the last column.
pub(super) fn panels(matrix: &[f32], depth: usize, columns: usize) -> Vec<f32> {
    let count = columns.div_ceil(PANEL);
    let mut packed = vec![0.0; count * depth * PANEL];
    for panel in 0..count {
        let first = panel * PANEL;
        let width = PANEL.min(columns - first);
        for k in 0..depth {
            let to = (panel * depth + k) * PANEL;
            packed[to..to + width].copy_from_slice(&matrix[k * columns + first..][..width]);
        }
    }
    packed
}

/// `[O, depth]` filters of `groups` groups as panels of 16 outputs, each `[depth][16]`, those of each group apart.
pub(super) fn filters(filters: &[f32], outputs: usize, depth: usize, groups: usize) -> Vec<f32> {
    let of_group = outputs / groups;
    let panels = of_group.div_ceil(PANEL);
    let mut packed = vec![0.0; groups * panels * depth * PANEL];
    for output in 0..outputs {
        let (group, within) = (output / of_group, output % of_group);
        let panel = &mut packed[(group * panels + within / PANEL) * depth * PANEL..];
        for (k, &value) in filters[output * depth..][..depth].iter().enumerate() {
            panel[k * PANEL + within % PANEL] = value;
        }
    }
    packed
}

/// `[O, 3, 3, C]` filters, each transformed to 6×6 by G·g·Gᵀ, as 36 matrices of panels of 16 outputs, each `[C][16]`.
pub(super) fn winograd_filters(filters: &[f32], outputs: usize, channels: usize) -> Vec<f32> {
    let (third, r) = (1.0 / 3.0, std::f64::consts::SQRT_2);
    let g = [
        [1.0, 0.0, 0.0],
        [-2.0 * third, -r * third, -third],
        [-2.0 * third, r * third, -third],
        [0.5 * third, 0.5 * r * third, third],
        [0.5 * third, -0.5 * r * third, third],
        [0.0, 0.0, 1.0],
    ];
    let product = |row: &[f64; 3], column: [f64; 3]| row.iter().zip(column).map(|(a, b)| a * b).sum::<f64>();
    let mut packed = vec![0.0; 36 * outputs.next_multiple_of(PANEL) * channels];
    let matrix = packed.len() / 36;
    for (output, filter) in filters.chunks_exact(9 * channels).enumerate() {
        for channel in 0..channels {
            let weight = |tap: usize| f64::from(filter[tap * channels + channel]);
            let to = (output / PANEL * channels + channel) * PANEL + output % PANEL;
            for (i, left) in g.iter().enumerate() {
                let line: [f64; 3] = std::array::from_fn(|x| product(left, [0, 1, 2].map(|y| weight(y * 3 + x))));
                for (j, right) in g.iter().enumerate() {
                    packed[(i * 6 + j) * matrix + to] = product(right, line) as f32;
                }
            }
        }
    }
    packed
}

/// Neighbours of a sum that are multiplied at once.
const QUAD: usize = 4;

/// A `[depth, columns]` matrix of 8-bit numbers as panels of 16 columns, each `[⌈depth/4⌉][16][4]`.
pub(super) fn quad_panels(matrix: &[u8], depth: usize, columns: usize) -> Vec<u8> {
    let by_column: Vec<u8> = (0..columns).flat_map(|n| (0..depth).map(move |k| matrix[k * columns + n])).collect();
    quad_filters(&by_column, columns, [1, depth], 1)
}

/// A `[kh, kw, C]` kernel of 8-bit numbers as `[⌈kh/4⌉][kw][C′][4]`, C′ being C rounded up to 16.
pub(super) fn quad_rows(kernel: &[u8], [height, width, channels]: [usize; 3]) -> Vec<u8> {
    let padded = channels.next_multiple_of(PANEL);
    let mut packed = vec![0; height.div_ceil(QUAD) * width * padded * QUAD];
    for row in 0..height {
        for column in 0..width {
            let to = (row / QUAD * width + column) * padded;
            for channel in 0..channels {
                packed[(to + channel) * QUAD + row % QUAD] = kernel[(row * width + column) * channels + channel];
            }
        }
    }
    packed
}

/// Rows of `columns`, each padded with zeros to a multiple of 16.
pub(super) fn padded_rows<T: Copy + Default>(rows: &[T], columns: usize) -> Vec<T> {
    let padded = columns.next_multiple_of(PANEL);
    let mut packed = vec![T::default(); rows.len() / columns.max(1) * padded];
    for (from, to) in rows.chunks_exact(columns.max(1)).zip(packed.chunks_exact_mut(padded.max(1))) {
        to[..columns].copy_from_slice(from);
    }
    packed
}
