//! Weights in the order in which kernels read them; see the documentation of the plan's operators.

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

/// Rows of `columns`, each padded with zeros to a multiple of 16.
pub(super) fn padded_rows(rows: &[f32], columns: usize) -> Vec<f32> {
    let padded = columns.next_multiple_of(PANEL);
    let mut packed = vec![0.0; rows.len() / columns.max(1) * padded];
    for (from, to) in rows.chunks_exact(columns.max(1)).zip(packed.chunks_exact_mut(padded.max(1))) {
        to[..columns].copy_from_slice(from);
    }
    packed
}
