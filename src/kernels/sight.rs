//! What output pixels see: for every piece of the sum, where in the input it lies.

use core::mem::MaybeUninit;
use core::ops::Range;

use crate::Element;
use crate::conv_f32::Shape;
use crate::window::Axis;

/// Rows that a tile has at most.
pub(crate) const MAX_ROWS: usize = if cfg!(target_pointer_width = "64") { 16 } else { 2 };

/// A stretch of the sum: `len` neighbouring elements of each of the tile's rows, which begin `offset` elements after what
/// `rows` points to.
#[derive(Clone, Copy)]
pub(crate) struct Segment<T> {
    pub(crate) len: usize,
    pub(crate) offset: usize,
    pub(crate) rows: *const Pointers<T>,
}

/// A pointer for each row of a tile.
pub(crate) type Pointers<T> = [*const T; MAX_ROWS];

impl<T> Segment<T> {
    pub(crate) const EMPTY: Self = Self { len: 0, offset: 0, rows: core::ptr::null() };
}

/// Elements of a segment at most.
const PIECE: usize = if cfg!(target_pointer_width = "64") { 256 } else { 64 };

/// Bytes of a pixel up to which rows that are partly in the padding are copied, rather than seen by the element of the
/// kernel.
const NARROW: usize = 64;

/// Segments that are prepared at once.
const SEGMENTS: usize = if cfg!(target_pointer_width = "64") { 32 } else { 9 };

/// Elements of room for rows that are partly in the padding: at least a piece for each row of a tile.
const PATCH: usize = MAX_ROWS * PIECE;

/// Elements behind a copy that it may write.
const SLACK: usize = CHUNK - 1;

/// Elements that are copied at once.
const CHUNK: usize = 8;

/// How the sum of a pixel is divided into runs of neighbouring elements, and these into pieces.
pub(crate) struct Runs {
    pub(crate) shape: Shape,
    /// Elements from one input pixel to the next.
    pitch: usize,
    /// Whether a run is what a row of the kernel sees, rather than an element of the kernel.
    by_kernel_rows: bool,
    /// Elements of a run.
    pub(crate) len: usize,
    /// Pieces of a run.
    pieces: usize,
    /// Pieces of the whole sum.
    pub(crate) segments: usize,
    /// Output rows and columns that see no padding.
    inside_rows: Range<usize>,
    inside_columns: Range<usize>,
}

impl Runs {
    /// Of an input whose pixels of type `T` lie `pitch` apart; the weights of each element of the kernel are those of
    /// whole units of so many channels.
    pub(crate) fn new<T>(shape: &Shape, pitch: usize, unit: usize) -> Self {
        let depth = shape.channels / shape.groups;
        let (v, h) = (&shape.vertical, &shape.horizontal);
        let contiguous = shape.groups == 1 && pitch == depth && (h.dilation == 1 || h.kernel == 1);
        let by_kernel_rows = contiguous && depth.is_multiple_of(unit) && depth * size_of::<T>() <= NARROW;
        let (len, count) = if by_kernel_rows { (h.kernel * depth, v.kernel) } else { (depth, v.kernel * h.kernel) };
        let pieces = len.div_ceil(PIECE);
        Self {
            shape: *shape,
            pitch,
            by_kernel_rows,
            len,
            pieces,
            segments: count * pieces,
            inside_rows: inside(v),
            inside_columns: inside(h),
        }
    }
}

/// Output positions that see no padding.
pub(crate) fn inside(axis: &Axis) -> Range<usize> {
    let begin = axis.pad.div_ceil(axis.stride).min(axis.output);
    let extent = (axis.kernel - 1) * axis.dilation + 1;
    let end = (axis.input + axis.pad).checked_sub(extent).map_or(0, |last| last / axis.stride + 1);
    begin..end.clamp(begin, axis.output)
}

/// An output pixel.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    image: usize,
    row: usize,
    column: usize,
}

impl Cursor {
    /// The pixel with this index.
    pub(crate) fn at(shape: &Shape, pixel: usize) -> Self {
        let (row, column) = (pixel / shape.horizontal.output, pixel % shape.horizontal.output);
        Self { image: row / shape.vertical.output, row: row % shape.vertical.output, column }
    }

    /// Pixels of a tile that begins here, at most `high` and `left` of them: shares of what is left of the row, so that
    /// few tiles see more than one, unless rows are short.
    pub(crate) fn tile(&self, shape: &Shape, high: usize, left: usize) -> usize {
        let of_row = (shape.horizontal.output - self.column).min(left);
        if shape.horizontal.output * 2 <= high {
            return high.min(left);
        }
        if of_row <= high { of_row } else { of_row.div_ceil(of_row.div_ceil(high)) }
    }

    /// Moves on, no further than to the end of the row.
    fn advance(&mut self, shape: &Shape, columns: usize) {
        self.column += columns;
        if self.column == shape.horizontal.output {
            (self.column, self.row) = (0, self.row + 1);
            if self.row == shape.vertical.output {
                (self.row, self.image) = (0, self.image + 1);
            }
        }
    }
}

/// The pixels of a tile, and what they see in some segments.
///
/// Segments point into it: once they are prepared it stays where it is.
pub(crate) struct Sight<T> {
    /// The element under the kernel's first one; outside of the input where that is.
    first: Pointers<T>,
    /// The pixels that see padding.
    outside: [Outside; MAX_ROWS],
    outside_count: usize,
    segments: [Segment<T>; SEGMENTS],
    /// Segments that were prepared for pixels that see no padding, and so are those of all such pixels.
    inside: Option<Prepared>,
    /// Pointers of the segments in which some pixels see padding.
    rows: [Pointers<T>; SEGMENTS],
    /// What rows in the padding point to.
    padding: [T; PIECE],
    patch: MaybeUninit<[T; PATCH + SLACK]>,
}

/// A pixel of a tile that sees padding.
#[derive(Clone, Copy)]
struct Outside {
    pixel: usize,
    /// Row and column of the input under the kernel's first element.
    top: isize,
    left: isize,
}

/// The segments that a [`Sight`] holds.
#[derive(Clone, Copy)]
pub(crate) struct Prepared {
    pub(crate) begin: usize,
    pub(crate) end: usize,
    /// Their elements.
    pub(crate) len: usize,
}

/// A piece of the sum: where in the kernel, and where in the run.
struct Piece {
    kernel_row: usize,
    kernel_column: usize,
    from: usize,
}

impl<T: Element> Sight<T> {
    /// Of an input that counts as continued by `padding`.
    pub(crate) fn new(padding: T) -> Self {
        Self {
            first: [core::ptr::null(); MAX_ROWS],
            outside: [Outside { pixel: 0, top: 0, left: 0 }; MAX_ROWS],
            outside_count: 0,
            segments: [Segment::EMPTY; SEGMENTS],
            inside: None,
            rows: [[core::ptr::null(); MAX_ROWS]; SEGMENTS],
            padding: [padding; PIECE],
            patch: MaybeUninit::uninit(),
        }
    }

    /// What [`Sight::prepare`] prepared.
    pub(crate) fn segments(&self) -> *const Segment<T> {
        self.segments.as_ptr()
    }

    /// Looks at `count` pixels from the cursor on, which moves behind them, in an input that begins at `x`.
    pub(crate) fn place(&mut self, runs: &Runs, x: *const T, count: usize, cursor: &mut Cursor) {
        let (v, h) = (&runs.shape.vertical, &runs.shape.horizontal);
        self.outside_count = 0;
        let mut i = 0;
        while i < count {
            let of_row = (count - i).min(h.output - cursor.column);
            let (top, left) = (v.first(cursor.row), h.first(cursor.column));
            let pixel = ((cursor.image * v.input) as isize + top) * h.input as isize + left;
            let first = x.wrapping_offset(pixel * runs.pitch as isize);
            for (j, to) in self.first[i..i + of_row].iter_mut().enumerate() {
                *to = first.wrapping_add(j * h.stride * runs.pitch);
            }
            let inside = &runs.inside_columns;
            let end = cursor.column + of_row;
            if !runs.inside_rows.contains(&cursor.row) {
                self.add_outside(h, i, top, cursor.column, cursor.column..end);
            } else if cursor.column < inside.start || end > inside.end {
                for columns in [cursor.column..inside.start.min(end), inside.end.max(cursor.column)..end] {
                    self.add_outside(h, i, top, cursor.column, columns);
                }
            }
            i += of_row;
            cursor.advance(&runs.shape, of_row);
        }
    }

    /// Marks the pixels of these columns, pixel `i` being that of `first`.
    fn add_outside(&mut self, h: &Axis, i: usize, top: isize, first: usize, columns: Range<usize>) {
        for column in columns {
            self.outside[self.outside_count] = Outside { pixel: i + column - first, top, left: h.first(column) };
            self.outside_count += 1;
        }
    }

    /// Prepares the segments from `begin` on, as many as there is room for. Their pointers are valid for reading
    /// their elements until the next call.
    #[inline(always)]
    pub(crate) fn prepare(&mut self, runs: &Runs, begin: usize) -> Prepared {
        match self.inside {
            Some(prepared) if self.outside_count == 0 && prepared.begin == begin => prepared,
            _ => self.prepare_anew(runs, begin),
        }
    }

    fn prepare_anew(&mut self, runs: &Runs, begin: usize) -> Prepared {
        let copies = if runs.by_kernel_rows { self.outside_count * runs.len.min(PIECE) } else { 0 };
        let fits = PATCH.checked_div(copies).unwrap_or(SEGMENTS).min(SEGMENTS);
        let end = (begin + fits).min(runs.segments);
        let (run, columns) = (begin / runs.pieces, if runs.by_kernel_rows { 1 } else { runs.shape.horizontal.kernel });
        let from = begin % runs.pieces * PIECE;
        let mut piece = Piece { kernel_row: run / columns, kernel_column: run % columns, from };
        let mut free = self.patch.as_mut_ptr().cast::<T>();
        let mut elements = 0;
        for i in 0..end - begin {
            let len = PIECE.min(runs.len - piece.from);
            self.segments[i] = Segment { len, offset: piece.offset(runs), rows: &raw const self.first };
            elements += len;
            if runs.by_kernel_rows {
                self.point_to_rows(runs, i, &piece, &mut free);
            } else {
                self.point_to_pixels(runs, i, &piece);
            }
            piece.from += PIECE;
            if piece.from >= runs.len {
                (piece.from, piece.kernel_column) = (0, piece.kernel_column + 1);
                if piece.kernel_column == columns {
                    (piece.kernel_column, piece.kernel_row) = (0, piece.kernel_row + 1);
                }
            }
        }
        let prepared = Prepared { begin, end, len: elements };
        self.inside = if self.outside_count == 0 { Some(prepared) } else { None };
        prepared
    }

    /// The pointers of segment `i`, to change some of them.
    fn own_rows(&mut self, i: usize) -> &mut Pointers<T> {
        let (segment, rows) = (&mut self.segments[i], &mut self.rows[i]);
        if !core::ptr::eq(segment.rows, rows) {
            // Those past the tile's pixels are not read.
            for (row, first) in rows.iter_mut().zip(&self.first) {
                *row = first.wrapping_add(segment.offset);
            }
            (segment.offset, segment.rows) = (0, &raw const *rows);
        }
        rows
    }

    /// Points the rows of segment `i` to padding where they see padding: channels of the input pixel under an element of
    /// the kernel.
    fn point_to_pixels(&mut self, runs: &Runs, i: usize, piece: &Piece) {
        let (v, h) = (&runs.shape.vertical, &runs.shape.horizontal);
        let (down, right) = (piece.kernel_row * v.dilation, piece.kernel_column * h.dilation);
        for at in 0..self.outside_count {
            let Outside { pixel, top, left } = self.outside[at];
            // Negative positions become great ones.
            let y = top.wrapping_add_unsigned(down) as usize;
            let x = left.wrapping_add_unsigned(right) as usize;
            if y >= v.input || x >= h.input {
                let padding = self.padding.as_ptr();
                self.own_rows(i)[pixel] = padding;
            }
        }
    }

    /// Points the rows of segment `i` to padding where they see padding, to a copy where that is part of what a row of
    /// the kernel sees.
    fn point_to_rows(&mut self, runs: &Runs, i: usize, piece: &Piece, free: &mut *mut T) {
        let (v, h) = (&runs.shape.vertical, &runs.shape.horizontal);
        let (width, kernel) = (h.input as isize, h.kernel as isize);
        let down = piece.kernel_row * v.dilation;
        let len = self.segments[i].len;
        for at in 0..self.outside_count {
            let Outside { pixel, top, left } = self.outside[at];
            if top.wrapping_add_unsigned(down) as usize >= v.input {
                let padding = self.padding.as_ptr();
                self.own_rows(i)[pixel] = padding;
            } else if left < 0 || left + kernel > width {
                // Elements of the piece that lie in the input.
                let of_piece = |columns: isize| {
                    (columns.max(0) as usize * runs.shape.channels).saturating_sub(piece.from).min(len)
                };
                let there = [of_piece(-left), of_piece(width - left)];
                let padding = self.padding[0];
                let row = &mut self.own_rows(i)[pixel];
                // SAFETY: `prepare` made sure that there is room for a piece of each pixel that comes here.
                unsafe { copy_padded(*row, *free, len, there, padding) };
                *row = *free;
                *free = free.wrapping_add(len);
            }
        }
    }
}

/// Copies elements of which only those from `begin` to `end` are there, with `padding` for the others.
///
/// # Safety
/// Those elements are valid for reading, and `to` for writing `len` and [`SLACK`] more.
unsafe fn copy_padded<T: Element>(from: *const T, to: *mut T, len: usize, [begin, end]: [usize; 2], padding: T) {
    let mut k = 0;
    while k < len {
        // SAFETY: only elements that are there are read; no more than `SLACK` are written past `len`.
        unsafe {
            let to = to.add(k);
            if begin <= k && k + CHUNK <= end {
                let elements = from.wrapping_add(k).cast::<[T; CHUNK]>().read_unaligned();
                to.cast::<[T; CHUNK]>().write_unaligned(elements);
            } else if k + CHUNK <= begin || end <= k {
                to.cast::<[T; CHUNK]>().write_unaligned([padding; CHUNK]);
            } else {
                for k in k..len.min(k + CHUNK) {
                    let is_there = begin <= k && k < end;
                    to.add(k % CHUNK).write(if is_there { from.wrapping_add(k).read() } else { padding });
                }
            }
        }
        k += CHUNK;
    }
}

impl Piece {
    /// Elements from the kernel's first element to the piece.
    fn offset(&self, runs: &Runs) -> usize {
        let (v, h) = (&runs.shape.vertical, &runs.shape.horizontal);
        let pixels = self.kernel_row * v.dilation * h.input + self.kernel_column * h.dilation;
        pixels * runs.pitch + self.from
    }
}
