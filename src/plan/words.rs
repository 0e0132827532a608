//! Operator parameters as little-endian 32-bit words.

use crate::error::OpError;

/// Reads words one after another.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// Words of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next word.
    pub fn take(&mut self) -> Result<u32, OpError> {
        let (word, rest) = self.0.split_first_chunk::<4>().ok_or(OpError::Params)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*word))
    }

    /// Whether all words were taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value stored as a fixed number of words.
pub trait Field: Sized {
    /// Reads the value; an unknown enumeration number is [`OpError::Params`].
    fn read(words: &mut Words<'_>) -> Result<Self, OpError>;
    /// Hands each word of the value to `out`.
    fn write(&self, out: &mut dyn FnMut(u32));
}

impl Field for u32 {
    fn read(words: &mut Words<'_>) -> Result<Self, OpError> {
        words.take()
    }
    fn write(&self, out: &mut dyn FnMut(u32)) {
        out(*self);
    }
}

impl Field for i32 {
    fn read(words: &mut Words<'_>) -> Result<Self, OpError> {
        words.take().map(|w| w as i32)
    }
    fn write(&self, out: &mut dyn FnMut(u32)) {
        out(*self as u32);
    }
}

impl Field for f32 {
    fn read(words: &mut Words<'_>) -> Result<Self, OpError> {
        words.take().map(f32::from_bits)
    }
    fn write(&self, out: &mut dyn FnMut(u32)) {
        out(self.to_bits());
    }
}

impl Field for bool {
    fn read(words: &mut Words<'_>) -> Result<Self, OpError> {
        match words.take()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(OpError::Params),
        }
    }
    fn write(&self, out: &mut dyn FnMut(u32)) {
        out(u32::from(*self));
    }
}

impl<T: Field + Copy + Default, const N: usize> Field for [T; N] {
    fn read(words: &mut Words<'_>) -> Result<Self, OpError> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::read(words)?;
        }
        Ok(values)
    }
    fn write(&self, out: &mut dyn FnMut(u32)) {
        self.iter().for_each(|v| v.write(out));
    }
}

/// Declares an enumeration that is stored as one word. Numbers are append-only.
#[macro_export]
macro_rules! field_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$vmeta])* $variant = $number,)* }
        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// The one stored as `number`.
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some($name::$variant),)* _ => None }
            }
        }
        impl $crate::words::Field for $name {
            fn read(words: &mut $crate::words::Words<'_>) -> Result<Self, $crate::OpError> {
                Self::from_number(words.take()?).ok_or($crate::OpError::Params)
            }
            fn write(&self, out: &mut dyn FnMut(u32)) { out(*self as u32); }
        }
    };
}

/// Declares the parameters of an operator: a plain struct whose fields are stored in order.
#[macro_export]
macro_rules! params {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }
        impl $crate::words::Field for $name {
            fn read(_words: &mut $crate::words::Words<'_>) -> Result<Self, $crate::OpError> {
                Ok(Self { $($field: $crate::words::Field::read(_words)?,)* })
            }
            fn write(&self, _out: &mut dyn FnMut(u32)) { $($crate::words::Field::write(&self.$field, _out);)* }
        }
    };
}
